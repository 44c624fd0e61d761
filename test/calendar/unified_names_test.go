package calendar_test

import (
	"steno/simulator/google"
	"steno/simulator/microsoft"
)

type (
	googleAccount = google.Account
	graphAccount  = microsoft.Account
)

const readonly = google.ScopeReadonly
