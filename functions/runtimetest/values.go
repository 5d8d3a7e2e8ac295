package runtimetest

import (
	"strconv"
	"strings"
	"testing"

	"yunduo"
	"yunduo/functions/runtime"
)

func testValues(t *testing.T, b *bench) {
	p := b.load(t, `
const values = {
  nothing: undefined, nil: null, zero: 0, no: false, empty: '', text: '中文 "quoted" \u2028 end 😀', number: 1234567890123.5,
  list: [1, [2, [3]], undefined, null], nested: { a: { b: { c: [{}] } }, gone: undefined }, date: new Date(0),
  nan: { n: NaN, i: Infinity }, buffer: Buffer.from('hi'), json: { toJSON: () => 'made by toJSON' }, function: () => 1,
}
exports.main = ({ what, how }) => how === 'sync' ? values[what] : Promise.resolve(values[what])
`)
	for what, json := range map[string]string{
		"nothing": "null", "nil": "null", "zero": "0", "no": "false", "empty": `""`, "text": "\"中文 \\\"quoted\\\" \u2028 end 😀\"",
		"number": "1234567890123.5", "list": "[1,[2,[3]],null,null]", "nested": `{"a":{"b":{"c":[{}]}}}`, "date": `"1970-01-01T00:00:00.000Z"`,
		"nan": `{"n":null,"i":null}`, "buffer": `{"type":"Buffer","data":[104,105]}`, "json": `"made by toJSON"`, "function": "null",
	} {
		t.Run(what, func(t *testing.T) {
			want(t, b.call(t, p, `{"what":"`+what+`","how":"sync"}`), json)
			want(t, b.call(t, p, `{"what":"`+what+`"}`), json)
		})
	}
	t.Run("sizes", func(t *testing.T) {
		p := b.load(t, `exports.main = ({ size, char }) => char.repeat(size)`)
		for _, size := range []int{0, 1, 100, 5000, 21_000, 22_000, 65_523, 65_536, 70_000, 1 << 20, 6<<20 - 2} {
			got := b.call(t, p, `{"char":"x","size":`+strconv.Itoa(size)+`}`)
			if len(got) != size+2 || strings.Count(got, "x") != size {
				t.Errorf("%d characters came back as %d", size, len(got)-2)
			}
		}
		for char, size := range map[string]int{"x": 6<<20 - 1, "云": 2 << 20} {
			wantReason(t, b.fail(t, p, `{"char":"`+char+`","size":`+strconv.Itoa(size)+`}`), yunduo.ReasonFunctionResultTooLarge, "MiB")
		}
		want(t, b.call(t, p, `{"char":"y","size":1}`), `"y"`)
	})
	t.Run("callback style", func(t *testing.T) {
		p := b.load(t, `exports.main = (event, context, callback) => { setTimeout(() => event.fail ? callback(new Error('called back')) : callback(null, 'late'), 1) }`)
		want(t, b.call(t, p, `{}`), `"late"`)
		wantReason(t, b.fail(t, p, `{"fail":true}`), yunduo.ReasonFunctionError, "called back")
		p = b.load(t, `exports.main = (event, context) => new Promise(() => context.succeed('done'))`)
		want(t, b.call(t, p, `{}`), `"done"`)
	})
	t.Run("another handler", func(t *testing.T) {
		p := b.load(t, `exports.other = async () => 'other'`, func(b *runtime.Bundle) { b.Handler = "other" })
		want(t, b.call(t, p, `{}`), `"other"`)
	})
}

func testEvents(t *testing.T, b *bench) {
	echo := b.load(t, `exports.main = async event => event`)
	noUser := func(inv *runtime.Invocation) { inv.Caller.OpenID = "" }
	timer := func(inv *runtime.Invocation) { inv.Source = "timer" }
	cases := map[string]struct {
		event, result string
		change        func(*runtime.Invocation)
	}{
		"empty body":               {"", `{}`, noUser},
		"null":                     {"null", "null", noUser},
		"list":                     {`[1,2]`, `[1,2]`, noUser},
		"text":                     {`"x"`, `"x"`, noUser},
		"no user":                  {`{"a":1}`, `{"a":1}`, noUser},
		"from a timer":             {`{"a":1}`, `{"a":1}`, timer},
		"user filled in":           {`{"a":1}`, `{"a":1,"userInfo":{"openId":"openid-1","appId":"wx1"}}`, nil},
		"own userInfo kept":        {`{"userInfo":{"nickName":"n"}}`, `{"userInfo":{"nickName":"n","openId":"openid-1","appId":"wx1"}}`, nil},
		"openId cannot be forged":  {`{"userInfo":{"openId":"forged","appId":"x"}}`, `{"userInfo":{"openId":"openid-1","appId":"wx1"}}`, nil},
		"userInfo of another kind": {`{"userInfo":"me"}`, `{"userInfo":"me"}`, nil},
		"prototype is just a key":  {`{"__proto__":{"admin":true}}`, `{"__proto__":{"admin":true}}`, noUser},
		"text beyond the BMP":      {`{"t":"𠮷\u0000"}`, `{"t":"𠮷\u0000"}`, noUser},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*runtime.Invocation) {}
			}
			want(t, b.call(t, echo, c.event, change), c.result)
		})
	}
	t.Run("large", func(t *testing.T) {
		p := b.load(t, `exports.main = async event => event.text.length`)
		want(t, b.call(t, p, `{"text":"`+strings.Repeat("y", 5<<20)+`"}`), strconv.Itoa(5<<20))
	})
}

func testContext(t *testing.T, b *bench) {
	bundle := func(b *runtime.Bundle) {
		b.Env = map[string]string{"JWT_SECRET": "s3cret", "TCB_ENV": "overridden"}
		b.Function, b.Version = "named", "v7"
	}
	p := b.load(t, `exports.main = async (event, context) => {
  const left = context.getRemainingTimeInMillis()
  return [context.request_id, context.function_name, context.function_version, context.namespace, context.memory_limit_in_mb > 0, context.time_limit_in_ms,
    left > 0 && left <= 20000, JSON.parse(context.environment).WX_OPENID, context.environ.includes('TCB_ENV=')]
}`, bundle)
	want(t, b.call(t, p, `{}`, func(inv *runtime.Invocation) { inv.RequestID = "rid" }), `["rid","named","v7","app-one",true,20000,true,"openid-1",true]`)

	t.Run("environment", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => {
  const e = process.env
  e.NUMBER = 5
  return [e.JWT_SECRET, e.TCB_ENV, e.SCF_NAMESPACE, e.TENCENTCLOUD_RUNENV, e.TZ, e.NUMBER, e.WX_OPENID, e.TCB_UUID, e.WX_CONTEXT_KEYS, e.YUNDUO_BOOT, new Date(2024, 0, 1).toISOString(), 'JWT_SECRET' in e, delete e.JWT_SECRET, e.JWT_SECRET]
}`, bundle)
		want(t, b.call(t, p, `{}`), `["s3cret","overridden","app-one","SCF","UTC","5","openid-1","u1","WX_CLIENTIP,WX_APPID,WX_OPENID",null,"2024-01-01T00:00:00.000Z",true,true,null]`)
	})
	t.Run("a later caller's variables replace the earlier ones", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => [process.env.WX_OPENID, process.env.WX_UNIONID, process.env.TCB_UUID]`)
		want(t, b.call(t, p, `{}`, func(inv *runtime.Invocation) { inv.Caller.UnionID = "union" }), `["openid-1","union","u1"]`)
		want(t, b.call(t, p, `{}`, func(inv *runtime.Invocation) { inv.Caller.OpenID, inv.Caller.UserID = "", "" }), `[null,null,""]`)
	})
	t.Run("time zone of the author", func(t *testing.T) {
		p := b.load(t, `process.env.TZ = 'Asia/Shanghai'; exports.main = async () => new Date(2024, 0, 1).toISOString()`)
		want(t, b.call(t, p, `{}`), `"2023-12-31T16:00:00.000Z"`)
	})
	t.Run("process", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => {
  const p = require('process')
  let ticks = 0
  await new Promise(done => process.nextTick(() => { ticks++; done() }))
  return [p === process, require('node:process') === process, globalThis.process === process, typeof process.hrtime.bigint(), process.memoryUsage().rss > 0, ticks, process.version[0],
    Object.prototype.toString.call(process), process.on('SIGTERM', () => {}) === process, typeof process.cwd(), process.argv.length, process.stdout.isTTY]
}`)
		want(t, b.call(t, p, `{}`), `[true,true,true,"bigint",true,1,"v","[object process]",true,"string",2,false]`)
	})
}
