// The part of better-sqlite3's interface that the PDS uses, over Node's built-in node:sqlite, so that nothing has to be compiled.
// For tests only.
const { DatabaseSync } = require('node:sqlite')

// extended result codes that the PDS looks at by name
const NAMES = new Map([
  [5, 'SQLITE_BUSY'], [261, 'SQLITE_BUSY_RECOVERY'], [517, 'SQLITE_BUSY_SNAPSHOT'], [6, 'SQLITE_LOCKED'],
  [275, 'SQLITE_CONSTRAINT_CHECK'], [787, 'SQLITE_CONSTRAINT_FOREIGNKEY'], [1299, 'SQLITE_CONSTRAINT_NOTNULL'],
  [1555, 'SQLITE_CONSTRAINT_PRIMARYKEY'], [2067, 'SQLITE_CONSTRAINT_UNIQUE'],
])

class SqliteError extends Error {
  constructor(message, code) { super(message); this.name = 'SqliteError'; this.code = code }
}

function translated(work) {
  try {
    return work()
  } catch (error) {
    if (error?.errcode === undefined) throw error
    throw new SqliteError(error.message, NAMES.get(error.errcode) ?? `SQLITE_ERROR_${error.errcode}`)
  }
}

// node:sqlite gives Uint8Array and null-prototype rows; better-sqlite3 gives Buffer and plain objects
function row(found) {
  if (!found) return undefined
  const plain = { ...found }
  for (const [key, value] of Object.entries(plain)) {
    if (value instanceof Uint8Array) plain[key] = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
  return plain
}

const list = (values) => (values.length === 1 && Array.isArray(values[0]) ? values[0] : values)

class Statement {
  constructor(inner) { this.inner = inner; this.reader = inner.columns().length > 0 }
  all(...values) { return translated(() => this.inner.all(...list(values)).map(row)) }
  get(...values) { return translated(() => row(this.inner.get(...list(values)))) }
  run(...values) { return translated(() => this.inner.run(...list(values))) }
  *iterate(...values) { for (const found of this.inner.iterate(...list(values))) yield row(found) }
}

class Database {
  constructor(file, options = {}) {
    const settings = { timeout: options.timeout ?? 5000, enableForeignKeyConstraints: false }
    this.inner = translated(() => new DatabaseSync(file || ':memory:', settings))
    this.open = true
    this.name = file
  }
  prepare(sql) { return new Statement(translated(() => this.inner.prepare(sql))) }
  exec(sql) { translated(() => this.inner.exec(sql)); return this }
  pragma(source) { return this.prepare(`PRAGMA ${source}`).all() }
  close() { if (this.open) { this.open = false; this.inner.close() } return this }
}

module.exports = Database
module.exports.SqliteError = SqliteError
