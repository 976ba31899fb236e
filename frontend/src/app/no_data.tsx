// SPDX-License-Identifier: Apache-2.0
// What a person sees before anything was logged: what to install, what to write, where we looked.
import { signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { copyText } from './copy';

const SNIPPETS = {
  PyTorch: `from tb_xai_callbacks.torch import watch
with watch(model, optimizer, log_dir="runs/a", probe=(images, labels)) as explain:
    ...  # your loop; after each optimizer.step(): explain.step(loss=loss)`,
  Lightning: `from tb_xai_callbacks.lightning import ExplainCallback
trainer = Trainer(callbacks=[ExplainCallback()])
trainer.fit(model, train_loader, val_loader)`,
  Keras: `from tb_xai_callbacks.keras import ExplainCallback
callback = ExplainCallback("logs/a", validation_data=(x_val, y_val))
model.fit(x, y, callbacks=[callback])`,
} as const;

type Framework = keyof typeof SNIPPETS;
const FRAMEWORKS = Object.keys(SNIPPETS) as Framework[];
const framework = signal<Framework>('PyTorch');

export function NoData({ logdir }: { logdir: string }) {
  const extra = framework.value.toLowerCase().replace('pytorch', 'torch');
  return (
    <section class="nodata">
      <h1>No explanations yet</h1>
      <p>
        No run in {logdir ? <code>{logdir}</code> : 'the log directory'} was recorded with tb-xai. Add three lines to
        your training script, and this page fills by itself.
      </p>
      <div class="tabs" role="group" aria-label="Framework">
        {FRAMEWORKS.map((name) => (
          <button
            key={name}
            type="button"
            class="tab"
            aria-pressed={framework.value === name}
            onClick={() => {
              framework.value = name;
            }}
          >
            {name}
          </button>
        ))}
      </div>
      <h2>1. Install</h2>
      <Code text={`pip install 'tb-xai-plugin[${extra}]'`} what="install command" />
      <h2>2. Add to your training script</h2>
      <Code text={SNIPPETS[framework.value]} what="code" />
      <h2>3. Train</h2>
      <p class="soft">
        The log directory of the script must be in{' '}
        {logdir ? <code>{logdir}</code> : 'the directory given to TensorBoard'}; this page looks there every 5 seconds.
        If runs were recorded and are not shown, run <code>tb-xai doctor</code>.
      </p>
    </section>
  );
}

function Code({ text, what }: { text: string; what: string }) {
  const [told, tell] = useState('Copy');
  const copy = async (): Promise<void> => {
    tell((await copyText(text)) ? 'Copied' : 'Select and copy');
    window.setTimeout(() => tell('Copy'), 2000);
  };
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={what}>
        {text}
      </pre>
      <button type="button" aria-label={`Copy ${what}`} onClick={() => void copy()}>
        {told}
      </button>
    </div>
  );
}
