// SPDX-License-Identifier: Apache-2.0
// The only module that touches TensorBoard's page: its URL, its theme, its reload button. Without a
// TensorBoard around us it falls back to our own window.

const PLUGIN = 'xai';
const PREFIX = `p.${PLUGIN}.`;

/** TensorBoard's window if we may touch it (same origin), else our own. */
function page(): Window {
  try {
    void window.parent.location.hash;
    return window.parent;
  } catch {
    return window;
  }
}

/** Our keys in a hash such as `#xai&p.xai.view=layers`; unreadable values are left out. */
export function parseHash(hash: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of hash.replace(/^#/, '').split('&')) {
    if (!part.startsWith(PREFIX)) continue;
    const [key, value] = splitOnce(part.slice(PREFIX.length));
    try {
      found[decodeURIComponent(key)] = decodeURIComponent(value);
    } catch {
      // not written by us: left out
    }
  }
  return found;
}

function splitOnce(part: string): [string, string] {
  const at = part.indexOf('=');
  return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
}

/** `hash` with our keys replaced by `values`; other plugins' keys stay. */
export function formatHash(hash: string, values: Record<string, string>): string {
  const parts = hash
    .replace(/^#/, '')
    .split('&')
    .filter((part) => part !== '');
  const tab = parts.length && !parts[0]!.includes('=') ? parts[0]! : PLUGIN;
  const others = parts.filter((part) => part !== tab && !part.startsWith(PREFIX));
  const ours = Object.entries(values).map(
    ([key, value]) => `${PREFIX}${encodeURIComponent(key)}=${encodeURIComponent(value)}`,
  );
  return `#${[tab, ...others, ...ours].join('&')}`;
}

function isOurTab(hash: string): boolean {
  const tab = hash.replace(/^#/, '').split('&')[0] ?? '';
  return tab === PLUGIN || tab === '' || tab.includes('=');
}

/** What the address says about our state. */
export function readState(): Record<string, string> {
  return parseHash(page().location.hash);
}

/** Mirror our state in the address without adding to the history. */
export function writeState(values: Record<string, string>): void {
  const { location, history } = page();
  if (!isOurTab(location.hash)) return;
  const hash = formatHash(location.hash, values);
  if (hash !== location.hash) history.replaceState(history.state, '', hash);
}

/** The address that opens this view again. */
export function shareUrl(): string {
  return page().location.href;
}

/** Call back when somebody edits the address; returns how to stop. */
export function onAddressChange(callback: () => void): () => void {
  const target = page();
  const listener = (): void => {
    if (isOurTab(target.location.hash)) callback();
  };
  target.addEventListener('hashchange', listener);
  return () => target.removeEventListener('hashchange', listener);
}

/** Follow TensorBoard's dark mode, or the system's when we stand alone; returns how to stop. */
export function onTheme(callback: (dark: boolean) => void): () => void {
  if (page() === window) return onSystemTheme(callback);
  const body = page().document.body;
  const tell = (): void => callback(body.classList.contains('dark-mode'));
  const observer = new MutationObserver(tell);
  observer.observe(body, { attributes: true, attributeFilter: ['class'] });
  tell();
  return () => observer.disconnect();
}

function onSystemTheme(callback: (dark: boolean) => void): () => void {
  const query = window.matchMedia('(prefers-color-scheme: dark)');
  const tell = (): void => callback(query.matches);
  query.addEventListener('change', tell);
  tell();
  return () => query.removeEventListener('change', tell);
}

/** TensorBoard keeps a hidden tab's frame alive at height 0. */
export function isVisible(): boolean {
  return window.innerHeight > 0 && document.visibilityState !== 'hidden';
}

/** True where the user asked for less motion. */
export function prefersReducedMotion(): boolean {
  return window.matchMedia('(prefers-reduced-motion: reduce)').matches;
}

interface GuestMessage {
  type: string;
  id: number;
  payload?: unknown;
  error?: string | null;
  isReply?: boolean;
}

/** Speak TensorBoard's guest protocol: one MessagePort, JSON strings; only DataReloaded concerns us. */
export function onDataReloaded(callback: () => void): void {
  if (window.parent === window) return;
  const channel = new MessageChannel();
  channel.port1.onmessage = (event: MessageEvent<unknown>) => {
    const message = parseMessage(event.data);
    if (!message || message.isReply) return;
    if (message.type === 'experimental.DataReloaded') callback();
    const reply: GuestMessage = { type: message.type, id: message.id, payload: null, error: null, isReply: true };
    channel.port1.postMessage(JSON.stringify(reply));
  };
  window.parent.postMessage('experimental.bootstrap', '*', [channel.port2]);
}

function parseMessage(data: unknown): GuestMessage | null {
  try {
    return JSON.parse(String(data)) as GuestMessage;
  } catch {
    return null;
  }
}
