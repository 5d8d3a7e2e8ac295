package functions_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
)

const structured = `
class Money { constructor () { this.amount = 1 } }
exports.main = async () => {
  console.log('paid', { order: { id: 4711, tags: ['new', 'Gift'] }, ok: true, shop: 'Li & Söhne', at: new Date(0), none: null, big: 12345678901234567890n })
  console.warn({ 'http.status': 503, token: process.env.KEY, deep: { a: { b: { c: { d: 1 } } } } })
  console.info(new Money())
  console.error('plain', [1, 2])
  console.log({ get trap () { process.exit(1) } }, 'last')
  console.log({ get trap () { process.exit(1) }, left: 1 })
  console.log(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => ['key' + i, 'x'.repeat(3000)])))
  const round = { name: 'round' }
  round.self = round
  console.log(round)
  setTimeout(() => console.log('late', { late: 'yes' }), 20)
}`

func TestLogs_Fields(t *testing.T) {
	dir := t.TempDir()
	o := functions.Options{Environment: func(context.Context, yunduo.AppID, string) (map[string]string, map[string]bool, error) {
		return map[string]string{"KEY": "tr3asure-\"4713\""}, map[string]bool{"KEY": true}, nil
	}}
	h := open(t, dir, o)
	h.deploy(t, "structured", structured)
	h.call(t, "structured")
	eventually(t, "all lines", func() bool {
		list := h.logs(t, functions.LogQuery{})
		return len(list) == 1 && len(list[0].Lines) == 9
	})
	h.close()
	h = open(t, dir, o)
	lines := h.logs(t, functions.LogQuery{})[0].Lines
	require.JSONEq(t, `{"order":{"id":4711,"tags":["new","Gift"]},"ok":true,"shop":"Li & Söhne","at":"1970-01-01T00:00:00.000Z","none":null,"big":"12345678901234567890"}`, string(lines[0].Fields))
	require.Contains(t, lines[0].Message, "paid {", "the line itself stays as it is")
	require.JSONEq(t, `{"http.status":503,"token":"[secret KEY]","deep":{"a":{"b":{}}}}`, string(lines[1].Fields))
	require.Equal(t, "warn", lines[1].Level)
	for _, n := range []int{2, 3, 4} {
		require.Nil(t, lines[n].Fields, "line %d: %s", n, lines[n].Message)
	}
	require.JSONEq(t, `{"left":1}`, string(lines[5].Fields), "getters do not run")
	require.Nil(t, lines[6].Fields, "what is too large is a line only")
	require.NotEmpty(t, lines[6].Message)
	require.Contains(t, string(lines[7].Fields), `"name":"round"`)
	require.JSONEq(t, `{"late":"yes"}`, string(lines[8].Fields))

	for search, found := range map[string]bool{
		"order.id:4711": true, "Order.ID:4711.0": true, "order.id:471": false, "id:4711": false, "order:4711": false,
		"order.tags:gift": true, "order.tags:gif": false, "ok:TRUE": true, "ok:1": false, `shop:"li & söhne"`: true, `shop:"li"`: false,
		"http.status:503": true, "http:503": false, "none:null": true, "late:yes": true, "big:12345678901234567890": true, `token:"[secret key]"`: true,
		"paid": true, "unpaid:": false,
	} {
		require.Equal(t, found, len(h.logs(t, functions.LogQuery{LogFilter: functions.LogFilter{Text: search}})) == 1, search)
	}
}
