// A card's Markdown as elements: made from the parser's tokens, so that HTML in a card is shown and never run.
import { marked, type Token, type Tokens } from 'marked';
import type { ComponentChildren } from 'preact';
import { Scroll } from './scroll.tsx';

export function Markdown({ text }: { text: string }) {
  return <article class="prose">{marked.lexer(text).map(block)}</article>;
}

function block(token: Token): ComponentChildren {
  switch (token.type) {
    case 'heading':
      // The card's title stands under the page's and the tab's own.
      return token.depth <= 1 ? <h2>{inline(token.tokens)}</h2> : <h3>{inline(token.tokens)}</h3>;
    case 'paragraph':
      return <p>{inline(token.tokens)}</p>;
    case 'list': {
      const items = (token as Tokens.List).items.map(item => <li>{item.tokens.map(block)}</li>);
      return token.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    case 'table':
      return <MarkdownTable table={token as Tokens.Table} />;
    case 'code':
      return <pre>{token.text}</pre>;
    case 'blockquote':
      return <blockquote>{token.tokens?.map(block)}</blockquote>;
    case 'text':
      return 'tokens' in token && token.tokens ? inline(token.tokens) : token.text;
    case 'hr':
      return <hr />;
    case 'space':
    case 'def':
      return null;
    default:
      return <p>{token.raw}</p>;
  }
}

function MarkdownTable({ table }: { table: Tokens.Table }) {
  return (
    <Scroll label={table.header.map(cell => cell.text).join(', ')}>
      <table class="plain">
        <thead>
          <tr>
            {table.header.map(cell => (
              <th scope="col">{inline(cell.tokens)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map(row => (
            <tr>
              {row.map(cell => (
                <td>{inline(cell.tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function inline(tokens: Token[] | undefined): ComponentChildren {
  return tokens?.map(token => {
    switch (token.type) {
      case 'strong':
        return <strong>{inline(token.tokens)}</strong>;
      case 'em':
        return <em>{inline(token.tokens)}</em>;
      case 'codespan':
        return <code>{token.text}</code>;
      case 'br':
        return <br />;
      case 'link':
        // Files beside the card are not served.
        return /^https?:/.test(token.href) ? (
          <a href={token.href} rel="noreferrer">
            {inline(token.tokens)}
          </a>
        ) : (
          inline(token.tokens)
        );
      case 'text':
      case 'escape':
        return 'tokens' in token && token.tokens ? inline(token.tokens) : token.text;
      default:
        return token.raw;
    }
  });
}
