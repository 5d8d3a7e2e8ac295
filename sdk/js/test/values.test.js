'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { wxServer } = require('./support')
const { encode, decode } = require('../core/ejson')
const { toBase64 } = require('../core/bytes')

const { db } = wxServer()
const { Point, LineString, Polygon, MultiPoint, MultiLineString, MultiPolygon } = db.Geo

test('replies become JavaScript values', () => {
  const reply = {
    _id: { $oid: '507f1f77bcf86cd799439011' },
    day: { $date: '2024-01-01T00:00:00.5Z' },
    early: { $date: { $numberLong: '-1' } },
    int: { $numberInt: '5' },
    long: { $numberLong: '123456789012' },
    double: { $numberDouble: '1.5' },
    nan: { $numberDouble: 'NaN' },
    infinite: { $numberDouble: '-Infinity' },
    decimal: { $numberDecimal: '1.25' },
    bytes: { $binary: { base64: 'aGk=', subType: '00' } },
    pattern: { $regularExpression: { pattern: '^a', options: 'im' } },
    list: [{ $date: '1970-01-01T00:00:00Z' }, [{ $numberInt: '1' }], null, 'x'],
    nested: { deep: { at: { $date: '1970-01-01T00:00:00Z' } } }
  }
  assert.deepEqual(decode(reply), {
    _id: '507f1f77bcf86cd799439011',
    day: new Date('2024-01-01T00:00:00.500Z'),
    early: new Date(-1),
    int: 5,
    long: 123456789012,
    double: 1.5,
    nan: NaN,
    infinite: -Infinity,
    decimal: 1.25,
    bytes: Buffer.from('hi'),
    pattern: /^a/im,
    list: [new Date(0), [1], null, 'x'],
    nested: { deep: { at: new Date(0) } }
  })
})

test('a pattern that JavaScript does not know stays readable', () => {
  const { p } = decode({ p: { $regularExpression: { pattern: '(?i)a', options: 'x' } } })
  assert.equal(p.regexp || p.source, '(?i)a')
  assert.deepEqual(encode(p), { $regularExpression: { pattern: '(?i)a', options: p.regexp ? 'x' : '' } })
})

test('what was decoded encodes to what it was', () => {
  const wire = () => ({
    d: { $date: '2024-01-01T00:00:00.000Z' },
    old: { $date: { $numberLong: '-5' } },
    far: { $date: { $numberLong: '253402300800000' } },
    n: { $numberDouble: 'NaN' },
    r: { $regularExpression: { pattern: 'x', options: 'i' } },
    b: { $binary: { base64: 'AAEC', subType: '00' } },
    p: { type: 'Point', coordinates: [1, 2] },
    z: [0, -1.5, 1e21, null, true, '']
  })
  assert.deepEqual(encode(decode(wire())), wire())
  assert.deepEqual(encode(wire()), wire(), 'encoding twice changes nothing')
})

const ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
const points = ring.map(([lng, lat]) => Point(lng, lat))
const shapes = [
  [Point(1, 2), { type: 'Point', coordinates: [1, 2] }],
  [new LineString(points), { type: 'LineString', coordinates: ring }],
  [Polygon([LineString(points)]), { type: 'Polygon', coordinates: [ring] }],
  [MultiPoint(points), { type: 'MultiPoint', coordinates: ring }],
  [MultiLineString([LineString(points)]), { type: 'MultiLineString', coordinates: [ring] }],
  [new MultiPolygon([new Polygon([LineString(points)])]), { type: 'MultiPolygon', coordinates: [[ring]] }]
]
for (const [shape, json] of shapes) {
  test(`Geo.${json.type}`, () => {
    assert.deepEqual(JSON.parse(JSON.stringify(shape)), json)
    assert.deepEqual(encode({ shape }), { shape: json })
    const back = decode({ shape: JSON.parse(JSON.stringify(json)) }).shape
    assert.deepEqual(back, shape)
    assert.deepEqual(db.Geo[json.type](json), shape, 'made of GeoJSON')
    assert.equal(back.type, json.type)
    assert.deepEqual(back.coordinates, json.coordinates)
  })
}
test('a stored point shows longitude and latitude', () => {
  const { loc } = decode({ loc: { type: 'Point', coordinates: [116.4, 39.9] } })
  assert.equal(loc.longitude, 116.4)
  assert.equal(loc.latitude, 39.9)
})
test('documents that only look like shapes stay what they are', () => {
  for (const own of [{ type: 'Point', coordinates: 'x' }, { type: 'Point', coordinates: [1, 2, 3] }, { type: 'Polygon', coordinates: [[1]] }, { type: 'constructor', coordinates: [] }, { type: 'Point', coordinates: [500, 2] }]) {
    assert.deepEqual(decode(JSON.parse(JSON.stringify(own))), own)
  }
})
test('shapes refuse wrong parts', () => {
  for (const wrong of [() => Point(181, 0), () => Point('1', 2), () => Point(), () => LineString([Point(0, 0)]), () => Polygon([LineString([Point(0, 0), Point(1, 1)])]), () => MultiPoint([[1, 2]])]) {
    assert.throws(wrong, error => error.errCode === -501007)
  }
})

test('serverDate and RegExp work with and without new', () => {
  for (const make of [() => db.serverDate(), () => new db.serverDate()]) assert.deepEqual(encode({ d: make() }), { d: { $serverDate: { offset: 0 } } })
  assert.throws(() => db.serverDate({ offset: 'x' }), /offset/)
  assert.throws(() => db.RegExp({}), /regexp must be a string/)
})

test('base64 without Buffer is the same base64', () => {
  const source = require('node:fs').readFileSync(require.resolve('../core/bytes'), 'utf8')
  const bare = new Function('module', 'require', 'Buffer', source) // as in a mini program
  const module = { exports: {} }
  bare(module, require, undefined)
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (x, i) => (i * 37 + length * 101) & 255)
    assert.equal(module.exports.toBase64(bytes), toBase64(bytes))
    assert.deepEqual([...module.exports.fromBase64(toBase64(bytes))], [...bytes])
  }
})

test('values of another realm are recognised', () => {
  const foreign = require('node:vm').runInNewContext('({ d: new Date(0), r: /x/i, l: [1], b: new Uint8Array([1]) })')
  assert.deepEqual(JSON.parse(JSON.stringify(encode(foreign))), {
    d: { $date: '1970-01-01T00:00:00.000Z' }, r: { $regularExpression: { pattern: 'x', options: 'i' } }, l: [1], b: { $binary: { base64: 'AQ==', subType: '00' } }
  })
})

test('random documents survive the round trip', () => {
  let seed = 20261122
  const random = n => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >> 8) % n }
  const leaves = [
    () => random(1 << 20) - (1 << 19), () => random(1000) / 7, () => Infinity, () => NaN, () => null, () => random(2) === 1, () => '', () => '中文 "\u2028$',
    () => new Date((random(1 << 22) - (1 << 21)) * 1e6), () => /a.c/im, () => Buffer.from([random(256), 0, 255]), () => Point(random(180), random(90))
  ]
  const make = depth => {
    const kind = random(depth > 0 ? leaves.length + 4 : leaves.length)
    if (kind < leaves.length) return leaves[kind]()
    if (kind % 2) return Array.from({ length: random(4) }, () => make(depth - 1))
    return Object.fromEntries(Array.from({ length: random(5) }, (x, i) => [['a', 'b.c', 'type', 'coordinates', '键'][i], make(depth - 1)]))
  }
  for (let i = 0; i < 500; i++) {
    const document = { root: make(6) }
    assert.deepEqual(decode(JSON.parse(JSON.stringify(encode(document)))), document)
  }
})
