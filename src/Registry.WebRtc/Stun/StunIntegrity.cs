using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Registry.WebRtc.Stun;

/// <summary>MESSAGE-INTEGRITY: HMAC-SHA1 over the message up to the attribute (RFC 8489 §14.5).</summary>
internal static class StunIntegrity
{
    /// <summary>
    /// Computes the value for an attribute that begins at <paramref name="offset"/>. The header's length field is taken as if the
    /// message ended with the attribute, whatever follows it.
    /// </summary>
    [SuppressMessage("Security", "CA5350:Do Not Use Weak Cryptographic Algorithms", Justification = "RFC 8445 §7 prescribes HMAC-SHA1.")]
    public static void Compute(ReadOnlySpan<byte> message, int offset, ReadOnlySpan<byte> key, Span<byte> destination)
    {
        Span<byte> copy = stackalloc byte[StunFormat.MaximumLength];
        message[..offset].CopyTo(copy);
        var end = offset + StunFormat.AttributeHeaderLength + StunFormat.IntegrityLength;
        BinaryPrimitives.WriteUInt16BigEndian(copy[2..], (ushort)(end - StunFormat.HeaderLength));
        HMACSHA1.HashData(key, copy[..offset], destination);
    }
}
