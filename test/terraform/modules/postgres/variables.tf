variable "name" {
  description = "of the role and of the database"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_-]{0,62}$", var.name))
    error_message = "A name has a-z, 0-9, '_' and '-', at most 63."
  }
}

variable "pave_id" {
  description = "says whose the role is"
  type        = string
}

variable "environment" {
  description = "what it is for"
  type        = string
}

variable "tags" {
  description = "who owns it"
  type        = map(string)
  default     = {}
}

variable "connections" {
  description = "at the same time; -1 is any number"
  type        = number
  default     = 20

  validation {
    condition     = var.connections == -1 || var.connections >= 5
    error_message = "A service needs at least 5 connections."
  }
}
