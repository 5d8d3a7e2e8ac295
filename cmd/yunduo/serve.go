package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"yunduo/console"
	"yunduo/server"
)

// serverFlags are the settings that serve and dev share.
func serverFlags(flags *pflag.FlagSet, c *server.Config) {
	flags.StringVar(&c.NodePath, "node", c.NodePath, "the node executable; default: node from PATH")
	flags.StringVar(&c.Sandbox, "sandbox", c.Sandbox, "isolation of functions: auto, require or off")
	flags.Float64Var(&c.AppCPUs, "app-cpus", c.AppCPUs, "processors that the functions of one app may use; default: all")
	flags.StringVar(&c.WeChatEndpoint, "wechat-endpoint", c.WeChatEndpoint, "base URL of WeChat's API; default: the real one")
	flags.StringVar(&c.SecretsKeyFile, "secrets-key-file", c.SecretsKeyFile, "age identity file whose keys encrypt functions' secrets; default: a key made of the server's secret")
	flags.StringVar(&c.SecretsKeyCommand, "secrets-key-command", c.SecretsKeyCommand, "command that prints such a file, for keys that a key service keeps")
	flags.StringVar(&c.WeChatPayEndpoint, "wechat-pay-endpoint", c.WeChatPayEndpoint, "base URL of WeChat Pay's API; default: the real one")
	flags.StringVar(&c.CodeWebhook, "code-webhook", c.CodeWebhook, "address to post verification codes to that are to be sent")
	flags.StringVar(&c.CodeWebhookSecret, "code-webhook-secret", c.CodeWebhookSecret, "secret that signs what is posted to code-webhook")
	flags.StringVar(&c.CaptchaVerify, "captcha-verify", c.CaptchaVerify, "address at which captchas are checked; default: none are asked for")
	flags.StringVar(&c.CaptchaSecret, "captcha-secret", c.CaptchaSecret, "secret that goes with captcha-verify")
	flags.StringVar(&c.CaptchaPage, "captcha-page", c.CaptchaPage, "page with the captcha's widget, to which clients of the official SDK are sent")
	flags.BoolVar(&c.AllowPrivateNetwork, "allow-private-network", c.AllowPrivateNetwork, "let functions connect to private and loopback addresses")
	flags.BoolVar(&c.COSSignatures, "cos-signatures", c.COSSignatures, "accept SHA-1 signatures, which the official manager SDK makes for files and tcb-admin-node unless told otherwise")
	flags.DurationVar(&c.ChangeLogAge, "change-log-age", c.ChangeLogAge, "how long changes of documents are kept: for watches that resume, history and restores")
	flags.DurationVar(&c.QueryTime, "query-time", c.QueryTime, "how long a request that reads documents may take; 0 is no limit")
	flags.DurationVar(&c.TrashAge, "trash-age", c.TrashAge, "how long a dropped collection or deleted app can be brought back; 0 removes it at once")
	flags.Int64Var(&c.ChangeLogBytes, "change-log-bytes", c.ChangeLogBytes, "how many bytes of changes are kept for each app")
	flags.Int64Var(&c.UserExamines, "user-examines", c.UserExamines, "how many documents one operation of an end user may examine; negative: no limit")
	flags.Int64Var(&c.FunctionExamines, "function-examines", c.FunctionExamines, "how many documents one operation of a function may examine; negative: no limit")
	flags.Int64Var(&c.CacheBytes, "cache-bytes", c.CacheBytes, "memory of the database's cache; default: a quarter of the machine's, up to 4 GiB")
	flags.StringVar(&c.OTLPEndpoint, "otlp-endpoint", c.OTLPEndpoint, "base address of an OpenTelemetry collector that gets traces, metrics and logs of functions, such as http://127.0.0.1:4318")
	flags.StringVar(&c.OTLPHeaders, "otlp-headers", c.OTLPHeaders, "headers for the collector: name=value, several separated by commas")
	flags.StringVar(&c.OTLPSignals, "otlp-signals", c.OTLPSignals, "what the collector gets, separated by commas: traces, metrics, logs; default: all")
	flags.DurationVar(&c.ShutdownGrace, "shutdown-grace", c.ShutdownGrace, "how long running requests may take when the server stops")
}

func serveCommand(l language) *cobra.Command {
	config := server.DefaultConfig()
	var file, level, format string
	cmd := &cobra.Command{
		Use: "serve", Short: l.say(texts.serve), Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				file = os.Getenv("YUNDUO_CONFIG")
			}
			return applySettings(cmd.Flags(), file)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := newLogger(cmd.ErrOrStderr(), level, format)
			if err != nil {
				return err
			}
			config.Logger, config.Console, config.Version = logger, console.Files(), version
			return serve(cmd.Context(), l, cmd.OutOrStdout(), config)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&config.DataDir, "data", config.DataDir, "data directory")
	flags.StringVar(&config.Listen, "listen", config.Listen, "address to listen on")
	flags.StringVar(&config.MongoListen, "mongo-listen", "", "let MongoDB's tools and drivers in at this address; default: not at all")
	flags.StringVar(&config.MongoDB, "mongodb", "", "keep documents in this MongoDB deployment: mongodb://USER:PASSWORD@HOST/PREFIX; default: in the data directory")
	flags.StringVar(&config.S3, "s3", config.S3, "keep files and bundles in this S3 bucket: s3://KEY:SECRET@HOST/BUCKET")
	flags.StringVar(&config.PublicURL, "public-url", config.PublicURL, "the server's address as clients see it")
	flags.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&format, "log-format", "text", "text or json")
	flags.BoolVar(&config.TrustOwners, "trust-owners", false, "run functions of several apps even where this machine offers no sandbox")
	flags.StringVar(&file, "config", "", "YAML file with settings named like these flags")
	serverFlags(flags, &config)
	return cmd
}

func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var options slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log-level: %q is not one of debug, info, warn, error", level)
	}
	options.Level = l
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, &options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &options)), nil
	}
	return nil, fmt.Errorf("log-format: %q is not one of text, json", format)
}

func serve(ctx context.Context, l language, out io.Writer, config server.Config) (err error) {
	s, err := server.New(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	token, err := s.Rooms().Auth.SetupToken(ctx)
	if err != nil {
		return err
	}
	if token != "" {
		fmt.Fprintln(out, l.say(texts.setUp, strings.TrimRight(s.URL(), "/")+"/console/#token="+token))
	}
	if !isSandboxed(s.Isolation()) {
		fmt.Fprintln(out, l.say(texts.sandboxOff))
	}
	config.Logger.Info("serving", "url", s.URL(), "data", config.DataDir, "isolation", s.Isolation(), "version", version)
	return s.Run(ctx)
}
