// A text as a QR code.
import { html, useMemo } from "./html.mjs";
import { generate } from "../lib/lean-qr.mjs";

export function QR({ text, label }) {
  const { size, path } = useMemo(() => draw(text), [text]);
  return html`<svg class="qr" role="img" aria-label=${label} viewBox=${`-2 -2 ${size + 4} ${size + 4}`} shape-rendering="crispEdges">
    <rect x="-2" y="-2" width=${size + 4} height=${size + 4} fill="#fff" /><path d=${path} fill="#000" />
  </svg>`;
}

function draw(text) {
  const code = generate(text);
  let path = "";
  for (let y = 0; y < code.size; y++) for (let x = 0; x < code.size; x++) if (code.get(x, y)) path += `M${x} ${y}h1v1h-1z`;
  return { size: code.size, path };
}
