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
  description = "services whose database may be deleted, with all that is in it; that of others is protected"
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

variable "engine" {
  description = "what the service asked for, in pave's words"
  type        = string
  default     = "postgresql"

  validation {
    condition     = var.engine == "postgresql"
    error_message = "This module makes postgresql; another one makes other engines."
  }
}

variable "engine_version" {
  description = "version of PostgreSQL"
  type        = string
  default     = "16"

  validation {
    condition     = contains(["15", "16", "17"], var.engine_version)
    error_message = "This version is not offered: 16, say."
  }
}

variable "size" {
  description = "small, medium or large"
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "A size is small, medium or large."
  }
}

variable "storage_gb" {
  description = "disk at first; it grows by itself"
  type        = number
  default     = 20

  validation {
    condition     = var.storage_gb >= 10 && var.storage_gb <= 10000 && floor(var.storage_gb) == var.storage_gb
    error_message = "A disk has 10 to 10000 GB."
  }
}

variable "backup_days" {
  description = "how many backups, one of each day, are kept"
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 365
    error_message = "Backups of 7 to 365 days are kept."
  }
}

variable "network" {
  description = "VPC that it is reached from: projects/PROJECT/global/networks/NAME, with private services access"
  type        = string

  validation {
    condition     = can(regex("^(https://www.googleapis.com/compute/v1/)?projects/[a-z0-9.:-]+/global/networks/[a-z0-9-]+$", var.network))
    error_message = "A network is named projects/PROJECT/global/networks/NAME."
  }
}

variable "region" {
  description = "where it is"
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is called europe-west3, say."
  }
}

variable "kms_key" {
  description = "key that encrypts it: projects/P/locations/L/keyRings/R/cryptoKeys/K; without one Google's own"
  type        = string
  default     = null
}

variable "labels" {
  description = "put on everything; Google has lower case alone"
  type        = map(string)
  default     = {}
}
