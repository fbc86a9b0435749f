"""Particulars of the demo laboratories. Invented firms in real places."""

PROFILES = {
    "anna": {
        "street": "Innlände 12",
        "postcode": "83022",
        "city": "Rosenheim",
        "phone": "089 99998 040",
        "email": "labor@anna.example",
        "tax_number": "156/114/50321",
        "vat_id": "DE000000000",
        "iban": "DE02 1203 0000 0000 2020 51",
        "bic": "BYLADEM1001",
        "bank": "Musterbank Rosenheim",
        "region": "BY",
        "place": "D-Rosenheim",
        "lab_type": "gewerbe",
    },
    "bert": {
        "street": "Hansaring 41",
        "postcode": "48155",
        "city": "Münster",
        "phone": "0221 4710 075",
        "email": "labor@bert.example",
        "tax_number": "337/5821/0417",
        "vat_id": "DE000000000",
        "iban": "DE02 5001 0517 0137 0750 30",
        "bic": "INGDDEFFXXX",
        "bank": "Musterbank Münster",
        "region": "WL",
        "place": "D-Münster",
        "lab_type": "gewerbe",
    },
}
