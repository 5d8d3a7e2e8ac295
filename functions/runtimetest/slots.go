package runtimetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"yunduo/functions/runtime"
)

func contextWithTimeout(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// fifty invokes fifty times at once as ten users, and hands each result to check.
func (b *bench) fifty(t *testing.T, p runtime.Program, check func(i int, openID string, result []byte)) {
	t.Helper()
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			openID := fmt.Sprintf("openid-%d", i%10)
			result, err := p.Invoke(t.Context(), b.invocation(fmt.Sprintf(`{"i":%d}`, i), func(inv *runtime.Invocation) { inv.Caller.OpenID = openID }))
			if err != nil {
				t.Errorf("call %d: %v", i, err)
				return
			}
			check(i, openID, result.JSON)
		})
	}
	group.Wait()
}

func testSlots(t *testing.T, b *bench) {
	t.Run("module variable", func(t *testing.T) {
		p := b.load(t, `
const cloud = require('wx-server-sdk')
let openid = '', log = []
exports.main = async event => {
  openid = cloud.getWXContext().OPENID
  log = [openid]
  await new Promise(done => setTimeout(done, 10 + event.i % 7 * 3))
  log.push(openid, process.env.WX_OPENID)
  return { log, after: cloud.getWXContext().OPENID, echo: event.i }
}`)
		b.fifty(t, p, func(i int, openID string, result []byte) {
			want(t, string(result), fmt.Sprintf(`{"log":[%q,%q,%q],"after":%q,"echo":%d}`, openID, openID, openID, openID, i))
		})
	})
	t.Run("undeclared variables", func(t *testing.T) {
		p := b.load(t, `
exports.main = async event => {
  who = require('wx-server-sdk').getWXContext().OPENID
  item = event.i
  for (k = 0; k < 5; k++) await new Promise(done => setTimeout(done, 3))
  return [who, item, k]
}`, func(b *runtime.Bundle) { b.Exclusive = true })
		b.fifty(t, p, func(i int, openID string, result []byte) {
			want(t, string(result), fmt.Sprintf(`[%q,%d,5]`, openID, i))
		})
	})
	t.Run("environment", func(t *testing.T) {
		p := b.load(t, `
exports.main = async event => {
  process.env.MINE = event.i
  await new Promise(done => setTimeout(done, 10))
  return [process.env.MINE, process.env.WX_OPENID]
}`)
		b.fifty(t, p, func(i int, openID string, result []byte) {
			want(t, string(result), fmt.Sprintf(`["%d",%q]`, i, openID))
		})
	})
	t.Run("concurrency that the author allows", func(t *testing.T) {
		p := b.load(t, `
const cloud = require('wx-server-sdk')
let running = 0, most = 0
exports.main = async event => {
  most = Math.max(most, ++running)
  await new Promise(done => setTimeout(done, 30))
  running--
  return [cloud.getWXContext().OPENID, most > 1]
}`, func(b *runtime.Bundle) { b.Concurrency, b.Exclusive = 50, true })
		b.call(t, p, `{}`)
		shared := 0
		var mu sync.Mutex
		b.fifty(t, p, func(i int, openID string, result []byte) {
			var got []any
			if err := json.Unmarshal(result, &got); err != nil || len(got) != 2 || got[0] != openID {
				t.Errorf("call %d of %s: %s", i, openID, result)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if got[1] == true {
				shared++
			}
		})
		if (shared == 0) != b.apart {
			t.Errorf("%d requests ran in one slot at the same time as others", shared)
		}
	})
	t.Run("one after another, variables survive", func(t *testing.T) {
		p := b.load(t, `let n = 0; exports.main = async () => ++n`)
		for _, n := range []string{"1", "2", "3"} {
			want(t, b.call(t, p, `{}`), n)
		}
	})
	t.Run("apps never share a process", func(t *testing.T) {
		code := `Object.prototype.leaked = 'mine'; global.left = 'behind'; exports.main = async () => [typeof left, ({}).leaked]`
		clean := `exports.main = async () => [typeof left, ({}).leaked === undefined]`
		dirty := b.load(t, code)
		want(t, b.call(t, dirty, `{}`), `["string","mine"]`)
		if err := dirty.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for range 5 {
			p := b.load(t, clean, func(b *runtime.Bundle) { b.App = "app-two" })
			want(t, b.call(t, p, `{}`), `["undefined",true]`)
		}
	})
}
