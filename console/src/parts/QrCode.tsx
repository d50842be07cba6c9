import { encode } from 'uqr';

/** A code picture drawn by rectangles: no image is loaded from anywhere. */
export function QrCode({ text, label }: { readonly text: string; readonly label: string }) {
  const { data, size } = encode(text, { ecc: 'M', border: 2 });
  const path = data
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${String(x)} ${String(y)}h1v1h-1z` : '')))
    .join('');
  return (
    <svg
      className="qr"
      viewBox={`0 0 ${String(size)} ${String(size)}`}
      role="img"
      aria-label={label}
    >
      <path className="paper" d={`M0 0h${String(size)}v${String(size)}h-${String(size)}z`} />
      <path d={path} />
    </svg>
  );
}
