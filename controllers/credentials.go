package controllers

import (
	"context"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
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

// putCredentials applies what applications bind to. While the login is not
// wholly known, those that exist stay as they are.
func (p *pass) putCredentials(ctx context.Context, login resources.Login, known bool) {
	eachUser(p.users, func(u *userState) {
		if u.entry == "" || u.unread || !known && !u.unstored {
			return
		}
		mine := login
		mine.Password = u.password
		if err := p.putCredentialsOf(ctx, u, resources.Credentials(u.user, mine)); err != nil {
			u.fail(err)
			if u.unstored {
				u.entry = "" // a password that is nowhere to be read is of no use
			}
		}
	})
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
func (p *pass) putCredentialsOf(ctx context.Context, u *userState, desired *corev1ac.SecretApplyConfiguration) (err error) {
	if u.user.Spec.GeneratesPassword() {
		_, err = p.putSecret(ctx, u.user, &u.credentials, desired)
	} else {
		_, err = p.apply(ctx, u.user, desired)
	}
	return err
}
