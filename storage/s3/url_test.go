package s3_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage/s3"
)

func TestParseURL(t *testing.T) {
	for address, want := range map[string]s3.Config{
		"s3://key:secret@127.0.0.1:9000/files?region=us-east-1&insecure=1": {Endpoint: "127.0.0.1:9000", Insecure: true, AccessKey: "key", SecretKey: "secret", Region: "us-east-1", Bucket: "files"},
		"https://key:se%2Fcr%40et@s3.example.com/files/a/b/":               {Endpoint: "s3.example.com", AccessKey: "key", SecretKey: "se/cr@et", Bucket: "files", Prefix: "a/b/"},
		"http://key:secret@[::1]:9000/files?style=path":                    {Endpoint: "[::1]:9000", Insecure: true, AccessKey: "key", SecretKey: "secret", Bucket: "files", Style: "path"},
		"s3://s3.amazonaws.com/files?region=ap-east-1":                     {Endpoint: "s3.amazonaws.com", Bucket: "files", Region: "ap-east-1"},
	} {
		got, err := s3.ParseURL(address)
		require.NoError(t, err, address)
		require.Equal(t, want, got)
	}
	for address, names := range map[string]string{
		"":                                    "s3://",
		"ftp://host/bucket":                   "ftp://",
		"s3://host":                           "no bucket",
		"s3://host/":                          "no bucket",
		"s3:///bucket":                        "no host",
		"s3://key@host/bucket":                "only one of",
		"s3://:secret@host/bucket":            "only one of",
		"s3://host/bucket?regoin=x":           `"regoin"`,
		"s3://host/bucket?insecure=perhaps":   `"perhaps"`,
		"s3://host/bucket?style=dots":         `"dots"`,
		"s3://key:top%zzsecret@host/bucket":   "cannot be read",
		"s3://key:top secret@host/bucket\x7f": "cannot be read",
	} {
		_, err := s3.ParseURL(address)
		require.Equal(t, yunduo.ReasonInvalidRequest, yunduo.ReasonOf(err), address)
		require.Contains(t, err.Error(), names, address)
		require.NotContains(t, err.Error(), "secret@")
		require.NotContains(t, err.Error(), "top")
	}
}
