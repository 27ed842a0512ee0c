// Puts the page into its document.
import { render } from 'preact';
import { App } from './app.tsx';
import 'uplot/dist/uPlot.min.css';
import './style/tokens.css';
import './style/page.css';
import './style/input.css';
import './style/heads.css';
import './style/panels.css';

render(<App />, document.getElementById('page') as HTMLElement);
