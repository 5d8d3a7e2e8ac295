package node

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

func TestAppendMeta(t *testing.T) {
	odd := "a\"b\\c\nd\x00e\u2028小云😀\xff"
	read := func(inv *runtime.Invocation) map[string]any {
		t.Helper()
		var got map[string]any
		text := appendMeta(nil, inv, time.UnixMilli(1234))
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return got
	}
	got := read(&runtime.Invocation{ID: "i", RequestID: odd, Source: "client", Caller: yunduo.Caller{
		OpenID: odd, UnionID: "u", WeChatAppID: "wx", UserID: "id", Username: odd, Provider: "anonymous", ClientIP: "::1",
	}})
	plain := "a\"b\\c\nd\x00e\u2028小云😀\ufffd"
	want := map[string]any{"requestId": plain, "invocationId": "i", "source": "client", "deadline": 1234.0, "caller": map[string]any{
		"openId": plain, "unionId": "u", "appId": "wx", "userId": "id", "username": plain, "provider": "anonymous", "isAnonymous": true, "clientIp": "::1",
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	env := map[string]string{"A": odd, "B_2": ""}
	if got = read(&runtime.Invocation{Env: env}); !reflect.DeepEqual(got["env"], map[string]any{"A": plain, "B_2": ""}) {
		t.Errorf("env: %v", got["env"])
	}
	got = read(&runtime.Invocation{})
	if _, there := got["env"]; there {
		t.Errorf("env of nobody: %v", got["env"])
	}
	if caller, ok := got["caller"].(map[string]any); !ok || len(caller) != 0 {
		t.Errorf("caller of nobody: %v", got["caller"])
	}
}

func FuzzAppendText(f *testing.F) {
	f.Add("")
	f.Add("\"\\\x1f\u007f\xf0\x28")
	f.Fuzz(func(t *testing.T, text string) {
		var got, want string
		if err := json.Unmarshal(appendText(nil, text), &got); err != nil {
			t.Fatal(err)
		}
		plain, err := json.Marshal(text)
		if err == nil {
			err = json.Unmarshal(plain, &want)
		}
		if err != nil || got != want {
			t.Errorf("%q became %q, not %q (%v)", text, got, want, err)
		}
	})
}
