// SPDX-License-Identifier: Apache-2.0
// Generates src/wire/schema_pb.ts from schema.proto, so that Python and the tab share one description of a record.
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const frontend = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const root = resolve(frontend, '..');
const out = mkdtempSync(join(tmpdir(), 'tb-xai-proto-'));
const options = [
  'esModuleInterop=true',
  'outputEncodeMethods=decode-only',
  'outputJsonMethods=false',
  'outputPartialMethods=false',
  'outputTypeAnnotations=false',
  'forceLong=number',
  'oneof=unions',
  'enumsAsLiterals=true',
  'annotateFilesWithVersion=false',
  'exportCommonSymbols=false',
].join(',');

execFileSync(
  process.env.PYTHON ?? join(root, '.venv/bin/python'),
  [
    '-m',
    'grpc_tools.protoc',
    '-Itb_xai_plugin/format',
    `--plugin=protoc-gen-ts_proto=${join(frontend, 'node_modules/.bin/protoc-gen-ts_proto')}`,
    `--ts_proto_out=${out}`,
    `--ts_proto_opt=${options}`,
    'schema.proto',
  ],
  { cwd: root, stdio: 'inherit' },
);

const target = join(frontend, 'src/wire/schema_pb.ts');
const made = readFileSync(join(out, 'schema.ts'), 'utf8');
writeFileSync(`${target}.new`, `// SPDX-License-Identifier: Apache-2.0\n${made}`);
renameSync(`${target}.new`, target);
