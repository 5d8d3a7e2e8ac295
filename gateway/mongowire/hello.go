package mongowire

import (
	"context"
	"runtime"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/query/value"
)

// The server of MongoDB whose protocol is spoken: drivers choose by it what they send.
const (
	spokenVersion  = "7.0.0"
	maxWireVersion = 21
	replicaSet     = "yunduo"
	sessionMinutes = 30
)

// hello answers a greeting. The server shows itself as the primary of a replica set of one, because only there drivers
// offer transactions and change streams.
func hello(ctx context.Context, c *command, _ *documents.Session) ([]byte, error) {
	s := c.conn.server
	address := c.conn.socket.LocalAddr().String()
	now := s.options.Now()
	d := bson.D{}
	if strings.EqualFold(c.name, "hello") {
		d = append(d, bson.E{Key: "isWritablePrimary", Value: true})
	} else {
		d = append(d, bson.E{Key: "ismaster", Value: true})
	}
	d = append(d, bson.D{
		{Key: "helloOk", Value: true},
		{Key: "setName", Value: replicaSet}, {Key: "setVersion", Value: int32(1)},
		{Key: "secondary", Value: false},
		{Key: "hosts", Value: bson.A{address}}, {Key: "me", Value: address}, {Key: "primary", Value: address},
		{Key: "electionId", Value: s.id},
		{Key: "lastWrite", Value: bson.D{{Key: "lastWriteDate", Value: now}, {Key: "majorityWriteDate", Value: now}}},
		{Key: "maxBsonObjectSize", Value: int32(maxDocument)}, {Key: "maxMessageSizeBytes", Value: int32(maxMessage)},
		{Key: "maxWriteBatchSize", Value: int32(maxWriteBatch)}, {Key: "localTime", Value: now},
		{Key: "logicalSessionTimeoutMinutes", Value: int32(sessionMinutes)}, {Key: "connectionId", Value: int32(c.conn.number)},
		{Key: "minWireVersion", Value: int32(0)}, {Key: "maxWireVersion", Value: int32(maxWireVersion)},
		{Key: "readOnly", Value: false},
	}...)
	if c.field("saslSupportedMechs").Type != 0 { // the same for every name, known or not
		d = append(d, bson.E{Key: "saslSupportedMechs", Value: bson.A{mechanism}})
	}
	if early, isDoc := c.field("speculativeAuthenticate").DocumentOK(); isDoc && c.conn.user == "" {
		asked, _ := value.Field(early, "mechanism")
		if name, _ := asked.StringValueOK(); name == mechanism { // others get no answer, as an invitation to ask again
			if reply, err := c.conn.beginLogin(ctx, early); err == nil {
				d = append(d, bson.E{Key: "speculativeAuthenticate", Value: reply})
			}
		}
	}
	return ok(d...)
}

func ping(context.Context, *command, *documents.Session) ([]byte, error) { return ok() }

func buildInfo(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	return ok(
		bson.E{Key: "version", Value: spokenVersion},
		bson.E{Key: "versionArray", Value: bson.A{int32(7), int32(0), int32(0), int32(0)}},
		bson.E{Key: "gitVersion", Value: "unknown"},
		bson.E{Key: "modules", Value: bson.A{}},
		bson.E{Key: "yunduo", Value: bson.D{{Key: "version", Value: c.conn.server.options.Version}}},
		bson.E{Key: "javascriptEngine", Value: "none"},
		bson.E{Key: "bits", Value: int32(64)}, bson.E{Key: "debug", Value: false},
		bson.E{Key: "maxBsonObjectSize", Value: int32(maxDocument)},
		bson.E{Key: "storageEngines", Value: bson.A{"yunduo"}},
	)
}

func whatsMyURI(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	return ok(bson.E{Key: "you", Value: c.conn.socket.RemoteAddr().String()})
}

func connectionStatus(ctx context.Context, c *command, _ *documents.Session) ([]byte, error) {
	users, roles, privileges := bson.A{}, bson.A{}, bson.A{}
	if caller, err := c.conn.caller(ctx); err == nil {
		users = append(users, bson.D{{Key: "user", Value: c.conn.user}, {Key: "db", Value: string(caller.App)}})
		roles = append(roles, bson.D{{Key: "role", Value: "dbOwner"}, {Key: "db", Value: string(caller.App)}})
		privileges = append(privileges, bson.D{
			{Key: "resource", Value: bson.D{{Key: "db", Value: string(caller.App)}, {Key: "collection", Value: ""}}},
			{Key: "actions", Value: bson.A{"find", "insert", "update", "remove", "createCollection", "dropCollection", "createIndex", "dropIndex",
				"listCollections", "listIndexes", "collStats", "dbStats", "changeStream", "dropDatabase", "validate"}},
		})
	}
	info := bson.D{{Key: "authenticatedUsers", Value: users}, {Key: "authenticatedUserRoles", Value: roles}}
	if show, _ := c.field("showPrivileges").BooleanOK(); show {
		info = append(info, bson.E{Key: "authenticatedUserPrivileges", Value: privileges})
	}
	return ok(bson.E{Key: "authInfo", Value: info})
}

func getParameter(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	all, _ := c.argument.StringValueOK()
	known := bson.D{
		{Key: "featureCompatibilityVersion", Value: bson.D{{Key: "version", Value: "7.0"}}},
		{Key: "authenticationMechanisms", Value: bson.A{mechanism}},
	}
	var reply bson.D
	for _, e := range known {
		if all == "*" || c.field(e.Key).Type != 0 {
			reply = append(reply, e)
		}
	}
	if len(reply) == 0 {
		return nil, failf(codeInvalidOptions, "no option found to get")
	}
	return ok(reply...)
}

func hostInfo(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	return ok(
		bson.E{Key: "system", Value: bson.D{
			{Key: "currentTime", Value: c.conn.server.options.Now()}, {Key: "numCores", Value: int32(runtime.NumCPU())},
			{Key: "cpuAddrSize", Value: int32(64)}, {Key: "cpuArch", Value: runtime.GOARCH},
		}},
		bson.E{Key: "os", Value: bson.D{{Key: "type", Value: runtime.GOOS}, {Key: "name", Value: runtime.GOOS}}},
		bson.E{Key: "extra", Value: bson.D{}},
	)
}

// getLog has no lines to give: the server's log speaks of all its apps.
func getLog(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	name, err := asText("getLog", c.argument)
	if err != nil {
		return nil, err
	}
	switch name {
	case "*":
		return ok(bson.E{Key: "names", Value: bson.A{"global", "startupWarnings"}})
	case "global", "startupWarnings":
		return ok(bson.E{Key: "totalLinesWritten", Value: int32(0)}, bson.E{Key: "log", Value: bson.A{}})
	}
	return nil, failf(codeBadValue, "no RamLog named: %s", name)
}

func serverStatus(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	s := c.conn.server
	now := s.options.Now()
	up := now.Sub(s.started)
	current, total := s.connections()
	return ok(
		bson.E{Key: "host", Value: c.conn.socket.LocalAddr().String()},
		bson.E{Key: "version", Value: spokenVersion}, bson.E{Key: "process", Value: "yunduo"},
		bson.E{Key: "uptime", Value: up.Seconds()}, bson.E{Key: "uptimeMillis", Value: up.Milliseconds()}, bson.E{Key: "localTime", Value: now},
		bson.E{Key: "connections", Value: bson.D{
			{Key: "current", Value: int32(current)}, {Key: "available", Value: int32(s.options.MaxConnections - current)}, {Key: "totalCreated", Value: total},
		}},
		bson.E{Key: "storageEngine", Value: bson.D{{Key: "name", Value: "yunduo"}, {Key: "persistent", Value: true}}},
		bson.E{Key: "repl", Value: bson.D{{Key: "setName", Value: replicaSet}, {Key: "isWritablePrimary", Value: true}, {Key: "me", Value: c.conn.socket.LocalAddr().String()}}},
	)
}

func getCmdLineOpts(context.Context, *command, *documents.Session) ([]byte, error) {
	return ok(bson.E{Key: "argv", Value: bson.A{"yunduo"}}, bson.E{Key: "parsed", Value: bson.D{}})
}

func replSetGetStatus(_ context.Context, c *command, _ *documents.Session) ([]byte, error) {
	s := c.conn.server
	now := s.options.Now()
	return ok(
		bson.E{Key: "set", Value: replicaSet}, bson.E{Key: "date", Value: now}, bson.E{Key: "myState", Value: int32(1)},
		bson.E{Key: "members", Value: bson.A{bson.D{
			{Key: "_id", Value: int32(0)}, {Key: "name", Value: c.conn.socket.LocalAddr().String()}, {Key: "health", Value: 1.0},
			{Key: "state", Value: int32(1)}, {Key: "stateStr", Value: "PRIMARY"},
			{Key: "uptime", Value: int32(now.Sub(s.started) / time.Second)}, {Key: "self", Value: true},
		}}},
	)
}

func listCommands(context.Context, *command, *documents.Session) ([]byte, error) {
	all := bson.D{}
	for name := range commands {
		all = append(all, bson.E{Key: name, Value: bson.D{}})
	}
	return ok(bson.E{Key: "commands", Value: all})
}

// listDatabases shows the caller's app: nobody sees that there are others.
func listDatabases(ctx context.Context, c *command, _ *documents.Session) ([]byte, error) {
	caller, err := c.conn.caller(ctx)
	if err != nil {
		return nil, err
	}
	var filter bson.Raw
	nameOnly := false
	for key, v := range c.arguments() {
		switch key {
		case "filter":
			filter, err = asDocument(key, v)
		case "nameOnly":
			nameOnly, err = asBool(key, v)
		case "authorizedDatabases":
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	databases, total := []bson.Raw{}, int64(0)
	if caller.App != "" && caller.Role != yunduo.RoleSystem {
		infos, err := c.conn.server.options.Documents.AsApp(caller, caller.App).Collections(ctx)
		if err != nil {
			return nil, err
		}
		for _, info := range infos {
			total += info.Bytes
		}
		d := bson.D{{Key: "name", Value: string(caller.App)}}
		if !nameOnly {
			d = append(d, bson.E{Key: "sizeOnDisk", Value: total}, bson.E{Key: "empty", Value: len(infos) == 0})
		}
		if databases, err = matching([]bson.D{d}, filter); err != nil {
			return nil, err
		}
	}
	reply := bson.D{{Key: "databases", Value: databases}}
	if !nameOnly {
		reply = append(reply, bson.E{Key: "totalSize", Value: total}, bson.E{Key: "totalSizeMb", Value: total >> 20})
	}
	return ok(reply...)
}
