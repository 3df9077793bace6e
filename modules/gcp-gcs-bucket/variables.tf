variable "name" {
  description = "what pave calls it; the names at the cloud are made from it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_-]{0,62}$", var.name))
    error_message = "A name begins with a-z and has a-z, 0-9, '_' and '-', at most 63."
  }
}

variable "pave_id" {
  description = "the id of the resource in pave, put on everything that is made"
  type        = string
}

variable "service" {
  description = "which service it is for"
  type        = string
}

variable "deletable" {
  description = "services whose bucket may be deleted, with all that is in it; that of others is protected"
  type        = list(string)
  default     = []
}

variable "team" {
  description = "who owns it"
  type        = string
}

variable "environment" {
  description = "what it is for"
  type        = string
}

variable "location" {
  description = "where it is: a region, or EU, US, ASIA"
  type        = string

  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|[A-Z]+-[A-Z]+[0-9]+|EU|US|ASIA)$", var.location))
    error_message = "A location is called europe-west3, say."
  }
}

variable "kms_key" {
  description = "key that encrypts it: projects/P/locations/L/keyRings/R/cryptoKeys/K; Cloud Storage must be allowed to use it"
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "A key is named projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "access_key" {
  description = "make a key of the S3 API that may use this bucket alone, for programs without an account"
  type        = bool
  default     = true
}

variable "labels" {
  description = "put on everything; Google has lower case alone"
  type        = map(string)
  default     = {}
}
