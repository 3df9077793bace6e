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
  default     = "mysql"

  validation {
    condition     = var.engine == "mysql"
    error_message = "This module makes mysql; another one makes other engines."
  }
}

variable "engine_version" {
  description = "major version of MySQL"
  type        = string
  default     = "8.4"

  validation {
    condition     = can(regex("^8[.](0|4)([.][0-9]+)?$", var.engine_version))
    error_message = "This version is not offered: 8.4, say."
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
  description = "disk at first; it grows by itself to five times that"
  type        = number
  default     = 20

  validation {
    condition     = var.storage_gb >= 20 && var.storage_gb <= 10000 && floor(var.storage_gb) == var.storage_gb
    error_message = "A disk has 20 to 10000 GB."
  }
}

variable "backup_days" {
  description = "how long backups of each day are kept"
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
    error_message = "Backups are kept 7 to 35 days."
  }
}

variable "vpc_id" {
  description = "the network that it is in"
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "A VPC is called vpc-..."
  }
}

variable "subnet_ids" {
  description = "private subnets of at least two zones"
  type        = list(string)

  validation {
    condition     = length(toset(var.subnet_ids)) >= 2 && alltrue([for s in var.subnet_ids : startswith(s, "subnet-")])
    error_message = "Name at least two subnets, of different zones."
  }
}

variable "allowed_cidrs" {
  description = "private networks that may connect, within 10.0.0.0/8"
  type        = list(string)
  default     = ["10.0.0.0/8"]

  validation {
    condition = length(var.allowed_cidrs) > 0 && alltrue([
      for c in var.allowed_cidrs : can(cidrnetmask(c)) && can(regex("^10\\..*/([89]|[12][0-9]|3[0-2])$", c))
    ])
    error_message = "Only networks within 10.0.0.0/8 may connect: 10.20.0.0/16, say."
  }
}

variable "kms_key_arn" {
  description = "key that encrypts it; without one the key that AWS keeps for the account"
  type        = string
  default     = null
}

variable "tags" {
  description = "put on everything, beside managed-by"
  type        = map(string)
  default     = {}
}
