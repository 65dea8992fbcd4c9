package config

import "time"

// Activity is what the server reports at [PathActivity]: what users have done since it
// started.
type Activity struct {
	// Users are those who have logged in.
	Users []UserActivity `json:"users"`
}

// UserActivity is what one user has done.
type UserActivity struct {
	Name string `json:"name"`
	// LastLogin is when the user last logged in, LastUpload when the last upload was
	// complete.
	LastLogin  time.Time `json:"lastLogin"`
	LastUpload time.Time `json:"lastUpload,omitzero"`
	// Sessions is how many there are now.
	Sessions int `json:"sessions"`
}
