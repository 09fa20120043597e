"""The CREATE2 addresses of a key's Polymarket wallets (polymarket sheet, section 3; vector ``wallet-derivation``)."""

from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

PROXY_FACTORY = "aB45c5A4B0c941a2F231C04C3f49182e1A254052"
PROXY_IMPLEMENTATION = "44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f"
SAFE_FACTORY = "aacFeEa03eb1561C4e67d661e40682Bd20E3541b"
SAFE_INIT_CODE_HASH = "2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf"
DEPOSIT_FACTORY = "00000000000Fb5C9ADea0298D729A0CB3823Cc07"
DEPOSIT_IMPLEMENTATION = "58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"
DEPOSIT_BEACON = "7A18EDfe055488A3128f01F563e5B479D92ffc3a"

_PROXY_CODE = (
    "3d3d606380380380913d393d73{factory}5af4602a57600080fd5b602d8060366000396000f3363d3d373d3d3d363d73{implementation}"
    "5af43d82803e903d91602b57fd5bf352e831dd" + "00" * 31 + "20" + "00" * 32
)
_UUPS_CODE = (
    "6009"
    "5155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
    "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
)
_BEACON_CODE = (
    "60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)


@dataclass(frozen=True, slots=True)
class Wallets:
    """Where one key's funds can live: ``deposit`` for new accounts, ``deposit_uups`` for the first deposit wallets."""

    proxy: str
    safe: str
    deposit: str
    deposit_uups: str


def _create2(factory: str, salt: bytes, code_hash: bytes) -> str:
    raw = keccak(b"\xff" + bytes.fromhex(factory) + salt + code_hash)
    return str(to_checksum_address("0x" + raw[12:].hex()))


def _deposit(prefix: int, target: str, code: str, arguments: bytes) -> str:
    head = (prefix + (len(arguments) << 56)).to_bytes(10, "big")
    code_hash = keccak(head + bytes.fromhex(target) + bytes.fromhex(code) + arguments)
    return _create2(DEPOSIT_FACTORY, bytes(keccak(arguments)), bytes(code_hash))


def derive_wallets(owner: str) -> Wallets:
    """Every wallet address that belongs to ``owner`` on chain 137."""
    key = bytes.fromhex(owner.removeprefix("0x"))
    arguments = bytes.fromhex(DEPOSIT_FACTORY).rjust(32, b"\0") + key.rjust(32, b"\0")
    proxy_code = _PROXY_CODE.format(factory=PROXY_FACTORY.lower(), implementation=PROXY_IMPLEMENTATION.lower())
    return Wallets(
        proxy=_create2(PROXY_FACTORY, bytes(keccak(key)), bytes(keccak(bytes.fromhex(proxy_code)))),
        safe=_create2(SAFE_FACTORY, bytes(keccak(key.rjust(32, b"\0"))), bytes.fromhex(SAFE_INIT_CODE_HASH)),
        deposit=_deposit(0x6100523D8160233D3973, DEPOSIT_BEACON, _BEACON_CODE, arguments),
        deposit_uups=_deposit(0x61003D3D8160233D3973, DEPOSIT_IMPLEMENTATION, _UUPS_CODE, arguments),
    )
