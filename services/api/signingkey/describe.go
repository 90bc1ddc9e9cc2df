package signingkey

import "plumbline.dev/services/api/openapi"

func keyOperations() openapi.Operations {
	keys := openapi.Operation{Result: openapi.Of[keysView](), Beside: openapi.Of[keysView]()}
	get, put, rotate := keys, keys, keys
	get.Summary = "Get the status of the signing keys"
	put.Summary, put.Body = "Change the rotation interval of the signing keys",
		openapi.Object(openapi.Members{"key_rotation_interval_days": openapi.Between(minRotation, maxRotation)},
			"key_rotation_interval_days")
	rotate.Summary, rotate.Body = "Rotate the signing keys now", openapi.Object(nil)
	return openapi.Operations{
		"GET /access/keys":         get,
		"PUT /access/keys":         put,
		"POST /access/keys/rotate": rotate,
	}
}
