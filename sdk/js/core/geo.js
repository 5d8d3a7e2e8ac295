'use strict'

const { ofReason } = require('./errors')

/** Base of the GeoJSON shapes; JSON (and so the wire) sees {type, coordinates}. */
class Geometry {
  toJSON () {
    return { type: this.type, coordinates: this.coordinates }
  }
}

class Point extends Geometry {
  constructor (longitude, latitude) {
    super()
    number('longitude', longitude, 180)
    number('latitude', latitude, 90)
    this.longitude = longitude
    this.latitude = latitude
  }

  get type () { return 'Point' }
  get coordinates () { return [this.longitude, this.latitude] }
}

class LineString extends Geometry {
  constructor (points) {
    super()
    this.points = list('LineString', points, Point, 2)
  }

  get type () { return 'LineString' }
  get coordinates () { return this.points.map(p => p.coordinates) }
}

class Polygon extends Geometry {
  constructor (lines) {
    super()
    this.lines = list('Polygon', lines, LineString, 1)
    for (const { points } of this.lines) {
      const [first, last] = [points[0], points[points.length - 1]]
      if (points.length < 4 || first.longitude !== last.longitude || first.latitude !== last.latitude) {
        throw ofReason('Geo.Polygon', 'invalid_request', 'a ring needs four points or more and must end where it begins')
      }
    }
  }

  get type () { return 'Polygon' }
  get coordinates () { return this.lines.map(l => l.coordinates) }
}

class MultiPoint extends Geometry {
  constructor (points) {
    super()
    this.points = list('MultiPoint', points, Point, 1)
  }

  get type () { return 'MultiPoint' }
  get coordinates () { return this.points.map(p => p.coordinates) }
}

class MultiLineString extends Geometry {
  constructor (lines) {
    super()
    this.lines = list('MultiLineString', lines, LineString, 1)
  }

  get type () { return 'MultiLineString' }
  get coordinates () { return this.lines.map(l => l.coordinates) }
}

class MultiPolygon extends Geometry {
  constructor (polygons) {
    super()
    this.polygons = list('MultiPolygon', polygons, Polygon, 1)
  }

  get type () { return 'MultiPolygon' }
  get coordinates () { return this.polygons.map(p => p.coordinates) }
}

function number (name, value, limit) {
  if (typeof value !== 'number' || !(Math.abs(value) <= limit)) {
    throw ofReason('Geo.Point', 'invalid_request', `${name} must be a number from -${limit} to ${limit}`)
  }
}

function list (name, items, Kind, least) {
  if (!Array.isArray(items) || items.length < least || !items.every(i => i instanceof Kind)) {
    throw ofReason(`Geo.${name}`, 'invalid_request', `needs an array of ${least} or more shapes of the right kind`)
  }
  return items.slice()
}

// GeoJSON as stored -> shape. The depth of `coordinates` tells the kinds apart.
const readers = {
  Point: c => new Point(c[0], c[1]),
  LineString: c => new LineString(c.map(readers.Point)),
  Polygon: c => new Polygon(c.map(readers.LineString)),
  MultiPoint: c => new MultiPoint(c.map(readers.Point)),
  MultiLineString: c => new MultiLineString(c.map(readers.LineString)),
  MultiPolygon: c => new MultiPolygon(c.map(readers.Polygon))
}

/**
 * The shape that a stored {type, coordinates} describes, or undefined when it describes none
 * (an own document that happens to use the same field names stays a plain object).
 */
function fromGeoJSON (type, coordinates) {
  if (!Object.prototype.hasOwnProperty.call(readers, type) || !Array.isArray(coordinates)) return undefined
  try {
    const shape = readers[type](coordinates)
    // Three-dimensional or foreign coordinates must not lose anything.
    return JSON.stringify(shape.coordinates) === JSON.stringify(coordinates) ? shape : undefined
  } catch (e) {
    return undefined
  }
}

/** A plain function, so that both `Geo.Point(1, 2)` and `new Geo.Point(1, 2)` work; GeoJSON is taken, too. */
function maker (type, Kind) {
  return function (first, second) {
    const isGeoJSON = first && !Array.isArray(first) && first.type === type && Array.isArray(first.coordinates)
    return isGeoJSON ? readers[type](first.coordinates) : new Kind(first, second)
  }
}

/** db.Geo */
const Geo = {
  Point: maker('Point', Point),
  LineString: maker('LineString', LineString),
  Polygon: maker('Polygon', Polygon),
  MultiPoint: maker('MultiPoint', MultiPoint),
  MultiLineString: maker('MultiLineString', MultiLineString),
  MultiPolygon: maker('MultiPolygon', MultiPolygon)
}

module.exports = { Geo, Geometry, fromGeoJSON }
