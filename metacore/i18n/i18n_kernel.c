/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/i18n/i18n_internal.h"

/* What the kernel itself says to people. A host replaces any of it with a catalog of its own. */
const mc__kernel_text mc__kernel_texts[] = {
    {"metacore.column.id", "ID", "ID"},
    {"metacore.column.organization_id", "Organization", "Organización"},
    {"metacore.column.created_by_id", "Created by", "Creado por"},
    {"metacore.column.created_at", "Created at", "Creado el"},
    {"metacore.column.updated_at", "Updated at", "Actualizado el"},

    {"metacore.action.view", "View", "Ver"},
    {"metacore.action.edit", "Edit", "Editar"},
    {"metacore.action.delete", "Delete", "Eliminar"},

    {"metacore.boolean.true", "Yes", "Sí"},
    {"metacore.boolean.false", "No", "No"},

    {"metacore.error.validation", "Some fields are not valid", "Algunos campos no son válidos"},
    {"metacore.error.required", "{label} is required", "{label} es obligatorio"},
    {"metacore.error.invalid_type", "{label} has the wrong type",
     "{label} es de un tipo incorrecto"},
    {"metacore.error.invalid_option", "{label} is not one of the options",
     "{label} no es una de las opciones"},
    {"metacore.error.not_found", "{label} does not exist", "{label} no existe"},
    {"metacore.error.duplicate", "{label} is already taken", "{label} ya está en uso"},
    {"metacore.error.min", "{label} must be at least {min}", "{label} debe ser al menos {min}"},
    {"metacore.error.max", "{label} must be at most {max}", "{label} debe ser como máximo {max}"},
    {"metacore.error.min_length", "{label} must have at least {min} characters",
     "{label} debe tener al menos {min} caracteres"},
    {"metacore.error.max_length", "{label} must have at most {max} characters",
     "{label} debe tener como máximo {max} caracteres"},
    {"metacore.error.regex", "{label} does not have the expected form",
     "{label} no tiene el formato esperado"},
    {"metacore.error.email", "{label} is not an e-mail address",
     "{label} no es una dirección de correo"},
    {"metacore.error.url", "{label} is not a URL", "{label} no es una URL"},
    {"metacore.error.uuid", "{label} is not a UUID", "{label} no es un UUID"},
    {"metacore.error.numeric", "{label} is not a number", "{label} no es un número"},
    {"metacore.error.integer", "{label} is not a whole number", "{label} no es un número entero"},
    {"metacore.error.custom", "{label} is not valid", "{label} no es válido"},
};
const size_t mc__kernel_text_count = MC_LEN(mc__kernel_texts);
