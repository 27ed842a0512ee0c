// The call of this page in other hands: curl, TypeScript, Python.
import { useState } from 'preact/hooks';
import { key } from '../api.ts';
import { Scroll } from '../scroll.tsx';
import { sequenceOf } from '../sequence/draft.ts';
import type { PanelProps } from './panels.tsx';

const LANGUAGES = ['curl', 'TypeScript', 'Python'] as const;
type Language = (typeof LANGUAGES)[number];

export function Call({ model, draft }: PanelProps) {
  const [language, setLanguage] = useState<Language>('curl');
  const [copied, setCopied] = useState(false);
  const body = { sequences: [sequenceOf(model.inputs, draft, true)] };
  const url = `${location.origin}/v1/models/${encodeURIComponent(model.name)}/predict`;
  const text = { curl: curl, TypeScript: typescript, Python: python }[language](url, body, key.get() !== '');
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="code">
      <div class="actions start">
        <fieldset class="choice">
          <legend class="sr-only">Language</legend>
          {LANGUAGES.map(name => (
            <label>
              <input type="radio" name="language" checked={name === language} onChange={() => setLanguage(name)} />
              {name}
            </label>
          ))}
        </fieldset>
        <button type="button" onClick={copy}>
          {copied ? 'Copied' : 'Copy'}
        </button>
        <span class="sr-only" role="status">
          {copied ? 'Copied' : ''}
        </span>
      </div>
      <Scroll label={`The call in ${language}`}>
        <pre>{shown(text)}</pre>
      </Scroll>
    </div>
  );
}

/** More than so much is copied, not read. */
const MOST_SHOWN = 20_000;

function shown(text: string): string {
  if (text.length <= MOST_SHOWN) return text;
  const more = text.length - MOST_SHOWN;
  return `${text.slice(0, MOST_SHOWN)}…\n${more.toLocaleString('en')} more characters: Copy takes them all.`;
}

function curl(url: string, body: unknown, keyed: boolean): string {
  const auth = keyed ? ` \\\n  -H "authorization: Bearer $POLYHEAD_KEY"` : '';
  const json = JSON.stringify(body).replaceAll("'", "'\\''");
  return `curl -s ${url} -H 'content-type: application/json'${auth} \\\n  -d '${json}'`;
}

function typescript(url: string, body: unknown, keyed: boolean): string {
  const auth = keyed ? `, authorization: \`Bearer \${process.env.POLYHEAD_KEY}\`` : '';
  return `const reply = await fetch('${url}', {
  method: 'POST',
  headers: { 'content-type': 'application/json'${auth} },
  body: JSON.stringify(${spread(body)}),
});
if (!reply.ok) throw new Error((await reply.json()).detail);
const { predictions } = await reply.json();
console.log(predictions[0].heads);`;
}

function python(url: string, body: unknown, keyed: boolean): string {
  const auth = keyed ? `\nrequest.add_header("authorization", f"Bearer {os.environ['POLYHEAD_KEY']}")` : '';
  return `import json${keyed ? ', os' : ''}, urllib.request

body = json.loads(r'''${JSON.stringify(body)}''')
request = urllib.request.Request("${url}", json.dumps(body).encode(),
                                 {"content-type": "application/json"})${auth}
with urllib.request.urlopen(request) as reply:
    print(json.load(reply)["predictions"][0]["heads"])`;
}

/** JSON with a line for every time step. */
function spread(body: unknown): string {
  const { sequences } = body as { sequences: unknown[] };
  const [first] = sequences;
  if (!Array.isArray(first) || typeof first[0] === 'string') return JSON.stringify(body);
  return `{ sequences: [[\n${first.map(step => `    ${JSON.stringify(step)},`).join('\n')}\n  ]] }`;
}
