package s3

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"yunduo"
)

// Config says where a bucket is and how to get in.
type Config struct {
	Endpoint  string // host, or host:port
	Insecure  bool   // plain HTTP
	AccessKey string // empty takes the usual AWS sources: environment, credentials file, the machine's role
	SecretKey string
	Region    string
	Bucket    string
	Prefix    string // goes before every key; ends with a slash unless empty
	Style     string // path, virtual, or empty to decide by the host
}

// ParseURL reads the address of a bucket:
//
//	s3://KEY:SECRET@HOST[:PORT]/BUCKET[/PREFIX][?region=REGION&insecure=1&style=path]
//
// The scheme may also be https, which means the same, or http, which means insecure. Characters of the key and the
// secret that have a meaning in addresses are percent-encoded. Without key and secret they come from the environment
// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), the AWS credentials file or the role of the machine. It returns an
// invalid_request error that names the part at fault and never repeats the secret.
func ParseURL(address string) (Config, error) {
	refuse := func(format string, args ...any) (Config, error) {
		return Config{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the address of the object store "+format, args...)
	}
	u, err := url.Parse(address)
	if err != nil {
		return refuse("cannot be read; write it as s3://KEY:SECRET@HOST:PORT/BUCKET?region=REGION")
	}
	config := Config{Endpoint: u.Host, Insecure: u.Scheme == "http"}
	if u.Scheme != "s3" && u.Scheme != "https" && u.Scheme != "http" {
		return refuse("begins with %q; use s3://", u.Scheme+"://")
	}
	if u.Hostname() == "" {
		return refuse("names no host")
	}
	config.Bucket, config.Prefix, _ = strings.Cut(strings.Trim(u.Path, "/"), "/")
	if config.Bucket == "" {
		return refuse("names no bucket")
	}
	if config.Prefix != "" {
		config.Prefix += "/"
	}
	if u.User != nil {
		config.AccessKey = u.User.Username()
		config.SecretKey, _ = u.User.Password()
		if config.AccessKey == "" || config.SecretKey == "" {
			return refuse("has only one of access key and secret")
		}
	}
	for name, values := range u.Query() {
		value := values[len(values)-1]
		switch name {
		case "region":
			config.Region = value
		case "insecure":
			if config.Insecure, err = strconv.ParseBool(value); err != nil {
				return refuse("has insecure=%q; use insecure=1 or leave it out", value)
			}
		case "style":
			if config.Style = value; value != "path" && value != "virtual" {
				return refuse("has style=%q; use path or virtual", value)
			}
		default:
			return refuse("has the unknown option %q; there are region, insecure and style", name)
		}
	}
	return config, nil
}

func (c Config) credentials() *credentials.Credentials {
	if c.AccessKey != "" {
		return credentials.NewStaticV4(c.AccessKey, c.SecretKey, "")
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

func (c Config) lookup() minio.BucketLookupType {
	switch c.Style {
	case "path":
		return minio.BucketLookupPath
	case "virtual":
		return minio.BucketLookupDNS
	}
	return minio.BucketLookupAuto
}
