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

variable "kms_key_arn" {
  description = "key that encrypts it; without one it gets a key of its own, which rotates"
  type        = string
  default     = null
}

variable "access_key" {
  description = "make a key that may use this bucket alone, for programs without a role"
  type        = bool
  default     = true
}

variable "tags" {
  description = "put on everything, beside managed-by"
  type        = map(string)
  default     = {}
}
