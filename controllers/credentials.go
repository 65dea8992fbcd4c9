package controllers

import (
	"context"
	"encoding/json"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// login is what clients need to log in, as far as it is known.
func (p *pass) login() resources.Login {
	return resources.Login{
		Endpoints: p.server.Endpoints(),
		CA:        p.tls.ca,
		HostKeys:  p.hostKeys.Public,
		Served:    served(p.server.Spec.ServedProtocols()),
	}
}

// putCredentials applies what applications bind to, where the login or the user has
// changed. While the login is not wholly known, those that exist stay as they are.
func (p *pass) putCredentials(ctx context.Context, login resources.Login, known bool) {
	of := identify(login)
	var changed []*userState
	for _, u := range p.users {
		if (u.fresh || u.put != of) && u.known() && !u.unread && (known || u.unstored) {
			changed = append(changed, u)
		}
	}
	eachUser(changed, func(u *userState) {
		u.put = ""
		if err := p.putCredentialsOf(ctx, u, login); err != nil {
			u.fail(err)
			if u.unstored {
				u.entry = nil // a password that is nowhere to be read is of no use
			}
			return
		}
		u.put = of
	})
}

// identify returns what differs for another login.
func identify(login resources.Login) string {
	b, err := json.Marshal(login)
	if err != nil {
		panic(err) // a struct of texts
	}
	return config.Hash(b)
}

func served(p v1alpha1.Protocols) []v1alpha1.ProtocolName {
	var names []v1alpha1.ProtocolName
	if p.FTP != nil {
		names = append(names, v1alpha1.ProtocolFTP)
	}
	if p.FTPS != nil {
		names = append(names, v1alpha1.ProtocolFTPS)
	}
	if p.SFTP != nil {
		names = append(names, v1alpha1.ProtocolSFTP)
	}
	return names
}

// putCredentialsOf replaces no password that was generated and that the pass has not
// read.
func (p *pass) putCredentialsOf(ctx context.Context, u *userState, login resources.Login) error {
	if !u.fresh { // the password was forgotten
		if _, err := p.password(ctx, u, nil); err != nil {
			return err
		}
	}
	login.Password = u.password
	desired := resources.Credentials(u.user, login)
	if u.user.Spec.GeneratesPassword() {
		_, err := p.putSecret(ctx, u.user, &u.credentials, desired)
		return err
	}
	_, err := p.apply(ctx, u.user, desired)
	return err
}
