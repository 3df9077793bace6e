# A thing, as the organization of test/hcp makes it.
terraform {
  required_version = ">= 1.5"
}

variable "name" {
  description = "of the thing"
  type        = string
}

variable "pave_id" {
  description = "says whose the thing is"
  type        = string
}

variable "tags" {
  description = "who owns it"
  type        = map(string)
  default     = {}
}

variable "connections" {
  description = "at the same time"
  type        = number
  default     = 20
}

resource "thing" "this" {
  name   = var.name
  marker = var.pave_id
  limit  = var.connections
}

output "url" {
  value     = thing.this.url
  sensitive = true
}

output "limit" {
  value = thing.this.limit
}
