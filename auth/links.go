package auth

import (
	"context"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// Mailed links prove that their user reads an address, as codes do, for clients that know no codes. What the service
// gives its Sender is the token that the link carries to a page of the app.

// LinkLifetime is how long a mailed link is good.
const LinkLifetime = time.Hour

const (
	linkPrefix = "ydl_"
	stateLink  = "link" // of a verification whose link was mailed
)

// What a mailed link does when it is used.
const (
	LinkSignUp        = "signUp"        // makes an account for the address
	LinkResetPassword = "resetPassword" // sets the password of the account that has the address
	LinkEmail         = "email"         // gives the account of who asked the address
)

// MailRequest asks for a mailed link.
type MailRequest struct {
	Email   string
	Purpose string // LinkSignUp, LinkResetPassword or LinkEmail
	// Password is that of the new account, or of the account that gets another address, if it has one.
	Password string
	Captcha  string // what the captcha gave, where one is asked for
}

// SendLink mails a link. Where nobody has the address of LinkResetPassword nothing is sent, and nobody told. caller is
// who asks. Reasons: invalid_request, identity_taken, user_not_found, login_failed, rate_limited, captcha_required,
// provider_unavailable.
func (s *Service) SendLink(ctx context.Context, app yunduo.AppID, caller yunduo.Caller, request MailRequest, client Client) error {
	if _, _, err := s.apps.WeChatApp(ctx, app); err != nil {
		return err
	}
	to, err := normalEmail(request.Email)
	if err != nil {
		return err
	}
	v := verification{ID: yunduo.NewID(), App: string(app), Channel: ProviderEmail, To: to, State: stateLink, Purpose: request.Purpose, ExpiresAt: s.now().UTC().Add(LinkLifetime).Truncate(time.Millisecond)}
	if err := s.human(ctx, app, request.Captcha, client.IP, limit{key: "code-ip/" + client.IP, most: captchaCodes}); err != nil {
		return err
	}
	if err := s.admitCode(app, ProviderEmail, to, clip(request.Purpose, 32), client.IP); err != nil {
		return err
	}
	owner, found, err := s.findUser(ctx, app, ProviderEmail, to)
	if err != nil {
		return err
	}
	switch request.Purpose {
	case LinkResetPassword:
		if !found {
			return nil
		}
	case LinkSignUp:
		if found {
			return taken(ProviderEmail)
		}
		if v.Password, err = s.signUpPassword(ctx, app, to, request.Password); err != nil {
			return err
		}
	case LinkEmail:
		u, err := s.self(ctx, caller)
		if err != nil {
			return err
		}
		if found && owner.ID != u.ID {
			return taken(ProviderEmail)
		}
		if u.Password != "" {
			if err := s.checkOwnPassword(ctx, u, request.Password, client.IP); err != nil {
				return err
			}
		}
		v.UserID = u.ID
	default:
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "purpose: %q is none of %s, %s and %s", clip(request.Purpose, 32), LinkSignUp, LinkResetPassword, LinkEmail)
	}
	secret := yunduo.NewSecret()
	v.Token = digest(secret)
	if err := s.verifications.Insert(ctx, v.ID, v); err != nil {
		return err
	}
	return s.sender.Send(ctx, Code{App: app, Channel: ProviderEmail, To: to, Token: linkPrefix + v.ID + "." + secret, Usage: request.Purpose})
}

// pending selects the sign-ups that wait for an address.
func (s *Service) pending(app yunduo.AppID, to string) bson.D {
	return bson.D{
		{Key: "app", Value: string(app)}, {Key: "channel", Value: ProviderEmail}, {Key: "to", Value: to}, {Key: "state", Value: stateLink},
		{Key: "purpose", Value: LinkSignUp}, {Key: "expiresAt", Value: bson.D{{Key: "$gt", Value: s.now().UTC()}}},
	}
}

// signUpPassword returns the hash of a new account's password. Who signs up again with the same one takes the place of
// the sign-up before.
func (s *Service) signUpPassword(ctx context.Context, app yunduo.AppID, to, password string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	waiting, err := s.verifications.Find(ctx, s.pending(app, to), documents.FindOptions{Limit: codesPerTarget})
	if err != nil {
		return "", err
	}
	for _, v := range waiting {
		same, err := s.passwords.check(ctx, v.Password, password)
		if err != nil {
			return "", err
		}
		if same {
			_, err := s.verifications.Update(ctx, v.ID, bson.D{{Key: "$set", Value: bson.D{{Key: "state", Value: "used"}}}})
			return v.Password, err
		}
	}
	return s.passwords.hash(ctx, password)
}

// UseLink does what a mailed link is for, once. password is the new one of LinkResetPassword. Reasons: code_invalid,
// invalid_request, identity_taken, user_not_found, rate_limited.
func (s *Service) UseLink(ctx context.Context, app yunduo.AppID, token, password string, client Client) error {
	if client.IP != "" {
		if err := s.throttle.take(limit{"verify-ip/" + client.IP, failuresPerIP, throttleWindow}); err != nil {
			return err
		}
	}
	id, secret, ok := strings.Cut(strings.TrimPrefix(token, linkPrefix), ".")
	if !ok || !strings.HasPrefix(token, linkPrefix) {
		return wrongLink()
	}
	purposes, hash := []string{LinkSignUp, LinkEmail}, ""
	if password != "" {
		var err error
		if hash, err = s.passwords.hash(ctx, password); err != nil {
			return err
		}
		purposes = []string{LinkResetPassword}
	}
	v, err := s.useVerification(ctx, bson.D{
		{Key: "_id", Value: id}, {Key: "app", Value: string(app)}, {Key: "state", Value: stateLink}, {Key: "token", Value: digest(secret)},
		{Key: "purpose", Value: bson.D{{Key: "$in", Value: purposes}}},
	})
	switch {
	case yunduo.ReasonOf(err) == yunduo.ReasonCodeInvalid:
		return wrongLink()
	case err != nil:
		return err
	}
	switch v.Purpose {
	case LinkResetPassword:
		return s.replacePassword(ctx, app, v, hash)
	case LinkEmail:
		return s.linkedEmail(ctx, v)
	}
	return s.linkedAccount(ctx, app, v)
}

func wrongLink() error {
	return yunduo.Errorf(yunduo.ReasonCodeInvalid, "the link is wrong, was used or has expired; ask for a new one")
}

// linkedAccount makes the account of a sign-up. Where sign-ups with several passwords waited for the address, nobody's
// counts: the one who reads the mail may not be the one who chose it, and sets another one by a link.
func (s *Service) linkedAccount(ctx context.Context, app yunduo.AppID, v verification) error {
	others, err := s.verifications.DeleteMany(ctx, s.pending(app, v.To))
	if err != nil {
		return err
	}
	if others > 0 {
		v.Password = ""
	}
	_, err = s.makeAccount(ctx, app, proof{ProviderEmail, Identity{Subject: v.To}}, NewAccount{}, v.Password)
	return err
}

// linkedEmail gives the account of who asked the address.
func (s *Service) linkedEmail(ctx context.Context, v verification) error {
	u, err := s.users.Get(ctx, v.UserID)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return yunduo.Errorf(yunduo.ReasonUserNotFound, "the account was deleted meanwhile")
	}
	if err != nil {
		return err
	}
	_, err = s.link(ctx, u, ProviderEmail, v.To, "", bson.D{{Key: "email", Value: v.To}})
	return err
}
