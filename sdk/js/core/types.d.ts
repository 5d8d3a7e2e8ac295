/** What every entry of the package shares: the database with its commands, results and errors. */

export type AnyObject = Record<string, any>

/** Success, fail and complete callbacks beside the promise. */
export interface Callbacks<T> {
  success?: (result: T) => void
  fail?: (error: CloudError) => void
  complete?: (result: any) => void
  config?: Config
}

/** For one call. */
export interface Config {
  /** Another app than init() named. */
  env?: string | symbol
  traceUser?: boolean
}

/** What every call rejects with. */
export class CloudError extends Error {
  readonly errCode: number
  readonly errMsg: string
  /** The stable name of the cause, such as 'collection_not_found'. */
  readonly reason?: string
  readonly requestId?: string
  /** Whether sending the same call again may succeed. */
  readonly retryable: boolean
}

export interface Reply { errMsg: string }
export interface QueryResult<T = AnyObject> extends Reply { data: T[] }
export interface DocumentResult<T = AnyObject> extends Reply { data: T }
export interface AddResult extends Reply { _id: string | number, _ids?: Array<string | number> }
export interface UpdateResult extends Reply { stats: { updated: number } }
export interface UpdateAndReturnResult<T = AnyObject> extends UpdateResult { data: T | null }
export interface SetResult extends Reply { _id: string | number, stats: { updated: number, created: number } }
export interface RemoveResult extends Reply { stats: { removed: number } }
export interface CountResult extends Reply { total: number }
export interface AggregateResult<T = AnyObject> extends Reply { list: T[] }

export interface Collation {
  /** A language such as 'zh' or 'en', or 'simple' for the order of bytes. */
  locale: string
  /** 1: neither accents nor case count; 2: case does not; 3: both do, which is the default. */
  strength?: 1 | 2 | 3
  caseLevel?: boolean
  numericOrdering?: boolean
  alternate?: 'non-ignorable' | 'shifted'
  backwards?: boolean
}

export interface Query {
  where (condition: AnyObject): Query
  orderBy (path: string, order: string): Query
  limit (count: number): Query
  skip (count: number): Query
  field (fields: AnyObject): Query
  /** How texts compare, in conditions, order and changes: our own addition to what mini-programs know. */
  collation (settings: Collation): Query
  get<T = AnyObject> (options?: Callbacks<QueryResult<T>>): Promise<QueryResult<T>>
  count (options?: Callbacks<CountResult>): Promise<CountResult>
  update (options: { data: AnyObject } & Callbacks<UpdateResult>): Promise<UpdateResult>
  updateAndReturn<T = AnyObject> (options: { data: AnyObject } & Callbacks<UpdateAndReturnResult<T>>): Promise<UpdateAndReturnResult<T>>
  remove (options?: Callbacks<RemoveResult>): Promise<RemoveResult>
  /** Calls onChange with the result now and after every change, until close(). */
  watch<T = AnyObject> (options: WatchOptions<T>): Listener
}

export interface DocumentChange<T = AnyObject> {
  id: number
  queueType: 'init' | 'enqueue' | 'update' | 'dequeue'
  dataType: 'init' | 'add' | 'update' | 'replace' | 'remove' | 'limit'
  docId: any
  doc: T
  /** Of an update: dotted paths with their new values, and paths that are gone. */
  updatedFields?: AnyObject
  removedFields?: string[]
}

export interface Snapshot<T = AnyObject> {
  /** Rises by one with every snapshot of a watch. */
  id: number
  /** 'init' for the first one. */
  type?: 'init'
  docs: T[]
  docChanges: Array<DocumentChange<T>>
}

export interface WatchOptions<T = AnyObject> {
  onChange (snapshot: Snapshot<T>): void
  /** The watch has ended; a lost connection is no end. */
  onError (error: { errCode: number, errMsg: string }): void
}

export interface Listener { close (): Promise<void> }

export interface Collection extends Query {
  readonly collectionName: string
  doc (id: string | number): Document
  add (options: { data: AnyObject | AnyObject[] } & Callbacks<AddResult>): Promise<AddResult>
  aggregate (): Aggregate
}

export interface Document {
  watch<T = AnyObject> (options: WatchOptions<T>): Listener
  field (fields: AnyObject): this
  get<T = AnyObject> (options?: Callbacks<DocumentResult<T>>): Promise<DocumentResult<T>>
  set (options: { data: AnyObject } & Callbacks<SetResult>): Promise<SetResult>
  update (options: { data: AnyObject } & Callbacks<UpdateResult>): Promise<UpdateResult>
  remove (options?: Callbacks<RemoveResult>): Promise<RemoveResult>
}

export interface Pipeline {
  addFields (fields: AnyObject): this
  bucket (options: AnyObject): this
  bucketAuto (options: AnyObject): this
  count (field: string): this
  densify (options: AnyObject): this
  facet (pipelines: Record<string, AnyObject[] | Pipeline>): this
  fill (options: AnyObject): this
  geoNear (options: AnyObject): this
  graphLookup (options: AnyObject): this
  group (options: AnyObject): this
  limit (count: number): this
  lookup (options: AnyObject): this
  match (condition: AnyObject): this
  project (fields: AnyObject): this
  redact (expression: any): this
  replaceRoot (options: AnyObject): this
  replaceWith (expression: any): this
  sample (size: number | { size: number }): this
  set (fields: AnyObject): this
  setWindowFields (options: AnyObject): this
  skip (count: number): this
  sort (order: AnyObject): this
  sortByCount (expression: any): this
  unionWith (options: string | AnyObject): this
  unset (fields: string | string[]): this
  unwind (path: string | AnyObject): this
  /** The stages, for `lookup` and `facet`. */
  done (): AnyObject[]
}

export interface Aggregate extends Pipeline {
  end<T = AnyObject> (options?: Callbacks<AggregateResult<T>>): Promise<AggregateResult<T>>
}

export interface Transaction {
  collection (name: string): Collection
  commit (): Promise<Reply>
  /** @param reason what runTransaction rejects with */
  rollback (reason?: any): Promise<Reply>
}

export interface Condition {
  and (...conditions: any[]): Condition
  or (...conditions: any[]): Condition
  nor (...conditions: any[]): Condition
  not (condition: any): Condition
  eq (value: any): Condition
  neq (value: any): Condition
  lt (value: any): Condition
  lte (value: any): Condition
  gt (value: any): Condition
  gte (value: any): Condition
  in (values: any[]): Condition
  nin (values: any[]): Condition
  all (values: any[]): Condition
  elemMatch (condition: any): Condition
  exists (flag?: boolean): Condition
  size (length: number): Condition
  mod (divisor: number, remainder: number): Condition
  geoNear (options: GeoNearOptions): Condition
  geoWithin (options: GeoWithinOptions): Condition
  geoIntersects (options: { geometry: Geometry }): Condition
}

/** Opaque: what changes a field. */
export interface UpdateCommand { readonly operator: string }
export interface ProjectionCommand { readonly operator: string }

export interface PushOptions { each: any[], position?: number, sort?: 1 | -1 | AnyObject, slice?: number }

export interface Command {
  eq (value: any): Condition
  neq (value: any): Condition
  lt (value: any): Condition
  lte (value: any): Condition
  gt (value: any): Condition
  gte (value: any): Condition
  in (values: any[]): Condition
  nin (values: any[]): Condition
  all (values: any[]): Condition
  elemMatch (condition: any): Condition
  exists (flag?: boolean): Condition
  size (length: number): Condition
  mod (divisor: number, remainder: number): Condition
  geoNear (options: GeoNearOptions): Condition
  geoWithin (options: GeoWithinOptions): Condition
  geoIntersects (options: { geometry: Geometry }): Condition
  and (...conditions: any[]): Condition
  or (...conditions: any[]): Condition
  nor (...conditions: any[]): Condition
  not (condition: any): Condition
  /** A condition computed from the whole document with aggregate operators. */
  expr (expression: any): Condition
  /** A condition on the whole document: JSON Schema, draft 4, with bsonType. */
  jsonSchema (schema: AnyObject): Condition

  set (value: any): UpdateCommand
  remove (): UpdateCommand
  inc (amount: number): UpdateCommand
  mul (factor: number): UpdateCommand
  min (value: any): UpdateCommand
  max (value: any): UpdateCommand
  rename (name: string): UpdateCommand
  bit (operation: any): UpdateCommand
  push (options: PushOptions): UpdateCommand
  push (...values: any[]): UpdateCommand
  unshift (...values: any[]): UpdateCommand
  pop (): UpdateCommand
  shift (): UpdateCommand
  pull (condition: any): UpdateCommand
  pullAll (values: any[]): UpdateCommand
  addToSet (value: any): UpdateCommand

  project: { slice (value: number | [number, number]): ProjectionCommand, elemMatch (condition: any): ProjectionCommand }
  aggregate: AggregateOperators
}

type OperatorName =
  'abs' | 'add' | 'ceil' | 'divide' | 'exp' | 'floor' | 'ln' | 'log' | 'log10' | 'mod' | 'multiply' | 'pow' | 'round' | 'sqrt' | 'subtract' | 'trunc' |
  'arrayElemAt' | 'arrayToObject' | 'concatArrays' | 'filter' | 'in' | 'indexOfArray' | 'isArray' | 'map' | 'range' | 'reduce' | 'reverseArray' |
  'size' | 'slice' | 'zip' | 'and' | 'not' | 'or' | 'cmp' | 'eq' | 'gt' | 'gte' | 'lt' | 'lte' | 'neq' | 'cond' | 'ifNull' | 'switch' |
  'dateFromParts' | 'dateFromString' | 'dateToParts' | 'dateToString' | 'dayOfMonth' | 'dayOfWeek' | 'dayOfYear' | 'hour' | 'isoDayOfWeek' |
  'isoWeek' | 'isoWeekYear' | 'millisecond' | 'minute' | 'month' | 'second' | 'week' | 'year' | 'literal' | 'mergeObjects' | 'objectToArray' |
  'allElementsTrue' | 'anyElementTrue' | 'setDifference' | 'setEquals' | 'setIntersection' | 'setIsSubset' | 'setUnion' | 'concat' |
  'indexOfBytes' | 'indexOfCP' | 'ltrim' | 'rtrim' | 'trim' | 'split' | 'strLenBytes' | 'strLenCP' | 'strcasecmp' | 'substr' | 'substrBytes' |
  'substrCP' | 'toLower' | 'toUpper' | 'regexFind' | 'regexFindAll' | 'regexMatch' | 'replaceOne' | 'replaceAll' | 'convert' | 'toBool' |
  'toDate' | 'toDecimal' | 'toDouble' | 'toInt' | 'toLong' | 'toObjectId' | 'toString' | 'type' | 'meta' | 'addToSet' | 'avg' | 'first' |
  'last' | 'max' | 'min' | 'push' | 'stdDevPop' | 'stdDevSamp' | 'sum' | 'let' |
  'dateAdd' | 'dateDiff' | 'dateSubtract' | 'dateTrunc' | 'tsIncrement' | 'tsSecond' | 'firstN' | 'lastN' | 'maxN' | 'minN' | 'sortArray' |
  'getField' | 'setField' | 'unsetField' | 'isNumber' | 'bitAnd' | 'bitOr' | 'bitXor' | 'bitNot' | 'binarySize' | 'bsonSize' | 'rand' | 'top' |
  'topN' | 'bottom' | 'bottomN' | 'count' | 'median' | 'percentile' | 'covariancePop' | 'covarianceSamp' | 'denseRank' | 'derivative' |
  'documentNumber' | 'expMovingAvg' | 'integral' | 'linearFill' | 'locf' | 'rank' | 'shift'

/** Every operator takes one argument; several become an array. */
export type AggregateOperators = { [name in OperatorName]: (...values: any[]) => any } & { pipeline (): Pipeline }

export interface Geometry<Type extends string = string> { readonly type: Type, readonly coordinates: any, toJSON (): { type: Type, coordinates: any } }
export interface Point extends Geometry<'Point'> { readonly longitude: number, readonly latitude: number }
export interface LineString extends Geometry<'LineString'> { readonly points: Point[] }
export interface Polygon extends Geometry<'Polygon'> { readonly lines: LineString[] }
export interface MultiPoint extends Geometry<'MultiPoint'> { readonly points: Point[] }
export interface MultiLineString extends Geometry<'MultiLineString'> { readonly lines: LineString[] }
export interface MultiPolygon extends Geometry<'MultiPolygon'> { readonly polygons: Polygon[] }
export interface GeoNearOptions { geometry: Point, maxDistance?: number, minDistance?: number }
export interface GeoWithinOptions { geometry?: Geometry, centerSphere?: any[] }

interface Shape<Arguments extends any[], S> { (...parts: Arguments): S, new (...parts: Arguments): S }
interface GeoJSON { readonly type: string, readonly coordinates: any[] }
type Parts = Array<{ toJSON (): object }> | GeoJSON
/** Shapes are made of their parts, or of GeoJSON. */
export interface Geo {
  Point: Shape<[longitude: number, latitude: number], Point> & Shape<[geoJSON: GeoJSON], Point>
  LineString: Shape<[points: Parts], LineString>
  Polygon: Shape<[lines: Parts], Polygon>
  MultiPoint: Shape<[points: Parts], MultiPoint>
  MultiLineString: Shape<[lines: Parts], MultiLineString>
  MultiPolygon: Shape<[polygons: Parts], MultiPolygon>
}

export interface ServerDate { readonly offset: number }
export interface DatabaseRegExp { readonly regexp: string, readonly options: string }

export interface Database {
  readonly config: { env?: string }
  readonly command: Command
  readonly Geo: Geo
  /** The server's clock at the moment of the write; offset in milliseconds. */
  readonly serverDate: Shape<[options?: { offset?: number }], ServerDate>
  readonly RegExp: Shape<[options: { regexp: string | RegExp, options?: string }], DatabaseRegExp>
  collection (name: string): Collection
  createCollection (name: string): Promise<Reply>
  collections (): Promise<Reply & { collections: Array<{ name: string, documents: number, bytes: number }> }>
  startTransaction (): Promise<Transaction>
  /** Commits what the body did; runs it again, three times in all, when another write came first. */
  runTransaction<T> (body: (transaction: Transaction) => Promise<T> | T, tries?: number): Promise<T>
}

export interface CallFunctionResult extends Reply { result: any, requestID?: string }
export interface UploadFileResult extends Reply { fileID: string, statusCode: number }
export interface FileAddress { fileID: string, tempFileURL: string, maxAge: number, status: number, errMsg: string }
export interface GetTempFileURLResult extends Reply { fileList: FileAddress[] }
export interface DeleteFileResult extends Reply { fileList: Array<{ fileID: string, status: number, errMsg: string }> }

export interface CallFunctionOptions extends Callbacks<CallFunctionResult> {
  name: string
  data?: AnyObject
  /** Milliseconds for this call with all its attempts. */
  timeout?: number
  /** Names this call: it is tried again when its reply was lost, and the function runs once. */
  idempotencyKey?: string
  slow?: boolean
}

export interface CallContainerResult extends Reply { data: any, statusCode: number, header: AnyObject, callID: string }
export interface CallContainerOptions extends Callbacks<CallContainerResult> {
  /** Below the service, with its query. */
  path?: string
  /** First part of the route; also as header X-WX-SERVICE. */
  service?: string
  method?: string
  header?: AnyObject
  data?: any
  /** 'json' unless given: a text that is JSON is parsed. */
  dataType?: string
  responseType?: string
  timeout?: number
}

/** The calls that every client has. */
export interface CloudCalls {
  callFunction (options: CallFunctionOptions): Promise<CallFunctionResult>
  /** Calls an HTTP function of the app. Whatever it answers is a result, also a status of 500. */
  callContainer (options: CallContainerOptions): Promise<CallContainerResult>
  getTempFileURL (options: { fileList: Array<string | { fileID: string, maxAge?: number }> } & Callbacks<GetTempFileURLResult>): Promise<GetTempFileURLResult>
  deleteFile (options: { fileList: string[] } & Callbacks<DeleteFileResult>): Promise<DeleteFileResult>
}
