// What else can be asked of a model, as tabs under its answer.
import { useRef, useState } from 'preact/hooks';
import type { Model } from '../model.ts';
import type { Answered } from '../model-page.tsx';
import type { Draft } from '../sequence/draft.ts';
import { About } from './about.tsx';
import { Call } from './call.tsx';
import { Receipt } from './receipt.tsx';
import { Stream } from './stream.tsx';
import { Why } from './why.tsx';

export interface PanelProps {
  model: Model;
  draft: Draft;
  answered?: Answered;
}

export function Panels(props: PanelProps) {
  const tabs = [
    { id: 'why', name: 'Why', body: () => <Why {...props} /> },
    ...(props.model.state.length > 0 ? [{ id: 'stream', name: 'Stream', body: () => <Stream {...props} /> }] : []),
    { id: 'batch', name: 'Batch', body: () => <Receipt {...props} /> },
    { id: 'call', name: 'Code', body: () => <Call {...props} /> },
    { id: 'about', name: 'Card', body: () => <About {...props} /> },
  ];
  const [chosen, setChosen] = useState('why');
  const list = useRef<HTMLDivElement>(null);
  const tab = tabs.find(({ id }) => id === chosen) ?? tabs[0];
  const turn = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (tabs.indexOf(tab) + step + tabs.length) % tabs.length;
    setChosen(tabs[next].id);
    (list.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <section class="sheet panels" aria-label="More about this answer">
      <div class="tabs" role="tablist" ref={list} onKeyDown={turn}>
        {tabs.map(({ id, name }) => (
          <button
            type="button"
            role="tab"
            id={`tab-${id}`}
            aria-selected={id === tab.id}
            aria-controls="panel"
            tabIndex={id === tab.id ? 0 : -1}
            onClick={() => setChosen(id)}
          >
            {name}
          </button>
        ))}
      </div>
      <div class="panel" role="tabpanel" id="panel" aria-labelledby={`tab-${tab.id}`} key={tab.id}>
        {tab.body()}
      </div>
    </section>
  );
}
