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

variable "team" {
  description = "who owns it"
  type        = string
}

variable "environment" {
  description = "what it is for"
  type        = string
}

variable "service" {
  description = "whose identity it is"
  type        = string
}

variable "cluster_project" {
  description = "project of the cluster"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.cluster_project))
    error_message = "A project has 6 to 30 of a-z, 0-9 and '-'."
  }
}

variable "namespace" {
  description = "of the service account in the cluster; the environment without"
  type        = string
  default     = null
}

variable "service_account" {
  description = "in the cluster that acts as it; the service without"
  type        = string
  default     = null
}

variable "roles" {
  description = "what the service may do in the project"
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([for r in var.roles : startswith(r, "roles/")
    && !contains(["roles/owner", "roles/editor"], r) && !startswith(r, "roles/iam.") && !startswith(r, "roles/resourcemanager.")])
    error_message = "Name roles one by one, none of owner, editor, iam or resourcemanager."
  }
}
