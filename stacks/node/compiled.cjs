// What `tsc <words> && node <words>` does, over and over: TypeScript's compiler, which is told of changes, and the program that it
// has made, which is started anew when it has made another.
//
//   node compiled.cjs '["-p","tsconfig.json"]' '["dist/index.js"]'

'use strict'

const { createRequire } = require('node:module')
const { join } = require('node:path')

const { program, tame } = require('./told/typescript.cjs')

/** That no error was found (TypeScript's diagnosticMessages.json). */
const FOUND = 6194

const [words, run] = process.argv.slice(2).map((text) => JSON.parse(text))
const typescript = tame(createRequire(join(process.cwd(), 'package.json'))('typescript'))

const { options, fileNames, errors } = typescript.parseCommandLine(words)
const report = typescript.createDiagnosticReporter(typescript.sys)
const config = fileNames.length > 0 ? undefined : configuration(options.project)
if (errors.length > 0 || (fileNames.length === 0 && !config)) {
  for (const error of errors) report(error)
  if (errors.length === 0) console.error('error TS5057: Cannot find a tsconfig.json file.')
  process.exit(1)
}

const say = typescript.createWatchStatusReporter(typescript.sys)
const status = (one, ...rest) => {
  say(one, ...rest)
  if (one.code === FOUND && rest.at(-1) === 0) restart()
}
const host = typescript.createWatchCompilerHost(config || fileNames, { ...options, preserveWatchOutput: true }, typescript.sys, typescript.createEmitAndSemanticDiagnosticsBuilderProgram, report, status)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => program.child?.kill(signal) ?? process.exit(1))
typescript.createWatchProgram(host)

function configuration(named) {
  const { fileExists } = typescript.sys
  if (!named) return typescript.findConfigFile(process.cwd(), fileExists)
  return [named, join(named, 'tsconfig.json')].find(fileExists)
}

async function restart() {
  if (program.child) await program.end()
  // Errors name the sources where the compiler has made maps of them.
  program.start(process.execPath, ['--enable-source-maps', ...run])
}
