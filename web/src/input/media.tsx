// A picture or a recording as input: what the row holds, shown, and a file to put in its place.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { spoken } from '../format.ts';
import { pixelsOf } from '../media/picture.ts';
import { type MediaInput, readFile } from '../media/read.ts';
import { dimsOf } from '../media/shape.ts';
import { shownWidth, Wave } from '../media/shown.tsx';
import type { AudioMedia, ImageMedia, Model } from '../model.ts';

interface Props {
  model: Model;
  input: MediaInput;
  value: unknown;
  onChange: (value: unknown) => void;
}

export function MediaFile({ model, input, value, onChange }: Props) {
  const [problem, setProblem] = useState('');
  const [read, setRead] = useState<{ row: unknown; note: string }>();
  const { media } = input;
  const picture = media.type === 'image';
  const take = async (file: File | undefined) => {
    if (!file) return;
    try {
      const next = await readFile(model, input, file);
      setRead({ ...next, note: `${file.name}: ${next.note}` });
      setProblem('');
      onChange(next.row);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    void take(event.dataTransfer?.files[0]);
  };
  const note = read?.row === value ? read?.note : dimsOf(value).join(' × ');
  return (
    <figure class="media" onDragOver={event => event.preventDefault()} onDrop={drop}>
      {picture ? <Picture media={media} row={value} /> : <Sound media={media} row={value} />}
      <figcaption>
        <label>
          <span>{picture ? 'Picture file' : 'Sound file'}</span>
          <input
            type="file"
            aria-label={`${picture ? 'Picture' : 'Sound'} for ${spoken(input.name)}`}
            accept={picture ? 'image/*' : 'audio/*'}
            onChange={event => take(event.currentTarget.files?.[0])}
          />
        </label>
        <p class="hint" role="status">
          {note}
        </p>
      </figcaption>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </figure>
  );
}

function Picture({ media, row }: { media: ImageMedia; row: unknown }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { data, height, width } = useMemo(() => pixelsOf(media, row), [media, row]);
  useEffect(() => {
    if (height * width === 0) return;
    canvas.current?.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
  }, [data, height, width]);
  const label = `The picture that the model gets, ${width} by ${height} pixels`;
  const style = { width: shownWidth({ height, width }) };
  return (
    <canvas class="picture" ref={canvas} width={width} height={height} style={style} role="img" aria-label={label} />
  );
}

function Sound({ media, row }: { media: AudioMedia; row: unknown }) {
  const samples = dimsOf(row).reduce((product, size) => product * size, 1);
  const seconds = Number((samples / media.rate).toPrecision(3));
  return <Wave row={row} label={`The sound that the model gets, ${seconds} seconds`} />;
}
