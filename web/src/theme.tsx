// Light, dark, or as the system says; plots are told, since a canvas does not follow the page's colours by itself.
import { useEffect, useState } from 'preact/hooks';

type Choice = 'auto' | 'light' | 'dark';
const KEY = 'polyhead-theme';
const CHOICES: readonly Choice[] = ['auto', 'light', 'dark'];
const dark = matchMedia('(prefers-color-scheme: dark)');
const chosen = (): Choice => CHOICES.find(choice => choice === localStorage.getItem(KEY)) ?? 'auto';

function apply(choice: Choice): void {
  document.documentElement.dataset.theme = choice;
  dispatchEvent(new Event('polyhead-theme'));
}
document.documentElement.dataset.theme = chosen();

export function ThemeButton() {
  const [choice, setChoice] = useState(chosen);
  const next = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
  const turn = () => {
    localStorage.setItem(KEY, next);
    setChoice(next);
    apply(next);
  };
  return (
    <button type="button" class="quiet" onClick={turn} title={`Colours: ${choice}; next: ${next}`}>
      <span class="sr-only">Colours: </span>
      {choice === 'auto' ? 'Auto' : choice === 'light' ? 'Light' : 'Dark'}
    </button>
  );
}

/** Changes whenever the page's colours do. */
export function useTheme(): string {
  const read = () => {
    const choice = chosen();
    return choice === 'auto' ? (dark.matches ? 'dark' : 'light') : choice;
  };
  const [theme, setTheme] = useState(read);
  useEffect(() => {
    const follow = () => setTheme(read());
    dark.addEventListener('change', follow);
    addEventListener('polyhead-theme', follow);
    return () => {
      dark.removeEventListener('change', follow);
      removeEventListener('polyhead-theme', follow);
    };
  }, []);
  return theme;
}

/** Lengths of a canvas that grow with the page's letters. */
export function pixels(element: Element): (length: number) => number {
  const root = getComputedStyle(element.ownerDocument.documentElement);
  const times = Number.parseFloat(root.fontSize) / 16;
  return length => length * times;
}

/** A colour of the style sheet, as a canvas understands it. */
export function colourOf(element: Element, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
