// Asks for the API key, which stays in this tab.
import { useEffect, useRef } from 'preact/hooks';
import { key } from './api.ts';

export function KeyDialog({ onClose }: { onClose: (changed: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const save = (event: Event) => {
    event.preventDefault();
    key.set(input.current?.value.trim() ?? '');
    onClose(true);
  };
  return (
    <dialog ref={dialog} class="key" aria-labelledby="key-title" onCancel={() => onClose(false)}>
      <form onSubmit={save}>
        <h2 id="key-title">API key</h2>
        <p>Needed only where the server was started with keys. It is kept in this tab and ends with it.</p>
        <label for="key-input">Key</label>
        <input id="key-input" ref={input} type="password" autocomplete="off" value={key.get()} />
        <div class="actions">
          <button type="button" class="quiet" onClick={() => onClose(false)}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Use this key
          </button>
        </div>
      </form>
    </dialog>
  );
}
