// Package users decides who may log in and what they may do. It knows no
// protocol: a protocol asks with an [Attempt], gets a [User], starts a
// [Session] and works on the user's files, which check permissions themselves.
//
//	user, err := dir.CheckPassword(attempt, password)
//	session, err := dir.Start(user, attempt)
//	defer session.End()
//	files := user.Restrict(tree)
//	<-session.Done() // the user was removed, suspended or expired
package users
