package mongowire

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/xdg-go/scram"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
	"yunduo/data/query/value"
)

const (
	mechanism        = "SCRAM-SHA-256"
	maxLoginFailures = 3
	// iterations is the least that clients accept. Passwords here are 256 random bits, which no number of iterations
	// makes harder to guess.
	iterations = 4096
)

// login is a conversation in which a client proves that it knows a password.
type login struct {
	id           int32
	conversation *scram.ServerConversation
	short        bool // the client wants no empty exchange at the end
	proven       bool
}

func errLogin() error { return failf(codeAuthenticationFailed, "Authentication failed.") }

func saslStart(ctx context.Context, c *command, _ *documents.Session) ([]byte, error) {
	reply, err := c.conn.beginLogin(ctx, c.message.body)
	if err != nil {
		return nil, c.conn.failLogin(err)
	}
	return ok(reply...)
}

// beginLogin starts a conversation with the fields of a saslStart command.
func (c *conn) beginLogin(ctx context.Context, command bson.Raw) (bson.D, error) {
	c.login = nil
	asked, _ := value.Field(command, "mechanism")
	if name, _ := asked.StringValueOK(); name != mechanism {
		return nil, failf(codeMechanismUnavailable, "only the mechanism %s is supported: user name = secret ID, password = secret key of an app", mechanism)
	}
	server, err := scram.SHA256.NewServer(func(user string) (scram.StoredCredentials, error) { return c.stored(ctx, user) })
	if err != nil {
		return nil, err
	}
	l := &login{id: 1, conversation: server.NewConversation()}
	options, _ := value.Field(command, "options")
	if doc, isDoc := options.DocumentOK(); isDoc {
		skip, _ := value.Field(doc, "skipEmptyExchange")
		l.short, _ = skip.BooleanOK()
	}
	answer, err := l.step(command)
	if err != nil {
		return nil, err
	}
	c.login = l
	return l.reply(answer, false), nil
}

// stored returns what a password is checked with. An unknown user gets a password that nobody knows, so that nothing
// tells from outside which users there are.
func (c *conn) stored(ctx context.Context, user string) (scram.StoredCredentials, error) {
	mac := hmac.New(sha256.New, c.server.salt)
	mac.Write([]byte(user))
	salt := mac.Sum(nil)
	_, password, err := c.server.options.Credentials.Credential(ctx, user)
	if err != nil || password == "" {
		mac.Write([]byte("nobody's"))
		password = hex.EncodeToString(mac.Sum(nil))
	}
	client, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		return scram.StoredCredentials{}, err
	}
	return client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt[:28]), Iters: iterations})
}

func saslContinue(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	l := c.conn.login
	if l == nil {
		return nil, c.conn.failLogin(failf(codeFailedToParse, "no login has begun"))
	}
	if id, err := asInteger("conversationId", c.field("conversationId")); err != nil || id != int64(l.id) {
		return nil, c.conn.failLogin(errLogin())
	}
	if l.proven { // the empty exchange
		return c.conn.endLogin("")
	}
	answer, err := l.step(c.message.body)
	if err != nil || !l.conversation.Valid() {
		return nil, c.conn.failLogin(errLogin())
	}
	l.proven = true
	if l.short {
		return c.conn.endLogin(answer)
	}
	return ok(l.reply(answer, false)...)
}

// endLogin makes the connection act for the user.
func (c *conn) endLogin(answer string) ([]byte, error) {
	l := c.login
	c.user, c.login = l.conversation.Username(), nil
	return ok(l.reply(answer, true)...)
}

// failLogin counts a failure; after a few the connection ends.
func (c *conn) failLogin(err error) error {
	c.login = nil
	c.failures++
	c.server.logger.Info("mongo: a login failed", "client", c.socket.RemoteAddr(), "error", err)
	if asFailure(err).code == codeMechanismUnavailable {
		return err
	}
	return errLogin()
}

// step gives the client's payload to the conversation and returns the answer.
func (l *login) step(command bson.Raw) (string, error) {
	v, _ := value.Field(command, "payload")
	_, payload, ok := v.BinaryOK()
	if !ok {
		text, isText := v.StringValueOK()
		if !isText {
			return "", wrongType("payload", v, "binData")
		}
		payload = []byte(text)
	}
	return l.conversation.Step(string(payload))
}

func (l *login) reply(payload string, done bool) bson.D {
	return bson.D{{Key: "conversationId", Value: l.id}, {Key: "done", Value: done}, {Key: "payload", Value: []byte(payload)}}
}

func logout(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	c.conn.user, c.conn.login = "", nil
	return ok()
}
