# A database that is protected, as those that ship are: it is destroyed only once the input
# deletable names its service.
terraform {
  required_version = ">= 1.5"
  required_providers {
    pavetest = {
      source = "pave-platform/pavetest"
    }
  }
}

variable "name" {
  type = string
}

variable "pave_id" {
  type = string
}

variable "service" {
  type = string
}

variable "deletable" {
  type    = list(string)
  default = []
}

resource "pavetest_role" "this" {
  name             = var.name
  marker           = var.pave_id
  connection_limit = 15
}

resource "pavetest_database" "this" {
  name  = var.name
  owner = pavetest_role.this.name
}

output "address" {
  value = pavetest_database.this.host
}

output "port" {
  value = pavetest_database.this.port
}

output "database" {
  value = pavetest_database.this.name
}

output "username" {
  value = pavetest_role.this.name
}

output "password" {
  value     = pavetest_role.this.password
  sensitive = true
}

output "protected" {
  value = contains(var.deletable, var.service) ? "" : "the input deletable does not name ${var.service}"
}
