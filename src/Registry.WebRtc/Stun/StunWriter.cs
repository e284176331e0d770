using System.Buffers.Binary;
using System.Text;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Stun;

/// <summary>
/// Writes one STUN message into a buffer (RFC 8489 §5): attributes in the order of the calls, then <see cref="Finish"/>.
/// The buffer must hold the message; <see cref="StunFormat.MaximumLength"/> bytes always do for what ICE sends.
/// </summary>
internal ref struct StunWriter
{
    private readonly Span<byte> buffer;
    private int position;

    public StunWriter(Span<byte> buffer, StunClass messageClass, StunMethod method, StunTransactionId transactionId)
    {
        this.buffer = buffer;
        var (m, c) = ((int)method, (int)messageClass);
        var type = (m & 0xF) | ((m & 0x70) << 1) | ((m & 0xF80) << 2) | ((c & 1) << 4) | ((c & 2) << 7);
        BinaryPrimitives.WriteUInt16BigEndian(buffer, (ushort)type);
        BinaryPrimitives.WriteUInt32BigEndian(buffer[4..], StunFormat.MagicCookie);
        transactionId.Write(buffer[8..]);
        position = StunFormat.HeaderLength;
    }

    public void Write(StunAttributeType type, scoped ReadOnlySpan<byte> value) => value.CopyTo(Begin(type, value.Length));

    public void WriteFlag(StunAttributeType type) => Begin(type, 0);

    public void WriteUInt32(StunAttributeType type, uint value) =>
        BinaryPrimitives.WriteUInt32BigEndian(Begin(type, sizeof(uint)), value);

    public void WriteUInt64(StunAttributeType type, ulong value) =>
        BinaryPrimitives.WriteUInt64BigEndian(Begin(type, sizeof(ulong)), value);

    public void WriteText(StunAttributeType type, string text) =>
        Encoding.UTF8.GetBytes(text, Begin(type, Encoding.UTF8.GetByteCount(text)));

    /// <summary>Writes XOR-MAPPED-ADDRESS (RFC 8489 §14.2).</summary>
    public void WriteXorMappedAddress(TransportAddress address) => WriteXorAddress(StunAttributeType.XorMappedAddress, address);

    /// <summary>Writes an attribute with the format of XOR-MAPPED-ADDRESS.</summary>
    public void WriteXorAddress(StunAttributeType type, TransportAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, address.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], address.Low);
        if (address.IsIPv4)
            bytes = bytes[12..];

        var value = Begin(type, 4 + bytes.Length);
        value[0] = 0;
        value[1] = address.IsIPv4 ? StunFormat.FamilyIPv4 : StunFormat.FamilyIPv6;
        BinaryPrimitives.WriteUInt16BigEndian(value[2..], (ushort)(address.Port ^ (StunFormat.MagicCookie >> 16)));
        for (var i = 0; i < bytes.Length; i++)
            value[4 + i] = (byte)(bytes[i] ^ buffer[4 + i]);   // cookie, then transaction id
    }

    /// <summary>Writes ERROR-CODE (RFC 8489 §14.8).</summary>
    public void WriteErrorCode(StunErrorCode code, string reason)
    {
        var value = Begin(StunAttributeType.ErrorCode, 4 + Encoding.UTF8.GetByteCount(reason));
        value[0] = value[1] = 0;
        value[2] = (byte)((int)code / 100);
        value[3] = (byte)((int)code % 100);
        Encoding.UTF8.GetBytes(reason, value[4..]);
    }

    /// <summary>Adds MESSAGE-INTEGRITY, unless the key is empty, and FINGERPRINT, and fills in the length.</summary>
    /// <returns>The length of the message.</returns>
    public int Finish(ReadOnlySpan<byte> integrityKey)
    {
        if (!integrityKey.IsEmpty)
        {
            var offset = position;
            StunIntegrity.Compute(buffer, offset, integrityKey, Begin(StunAttributeType.MessageIntegrity, StunFormat.IntegrityLength));
        }
        var covered = position;
        var fingerprint = Begin(StunAttributeType.Fingerprint, sizeof(uint));
        BinaryPrimitives.WriteUInt16BigEndian(buffer[2..], (ushort)(position - StunFormat.HeaderLength));
        BinaryPrimitives.WriteUInt32BigEndian(fingerprint, Crc32.Compute(buffer[..covered]) ^ StunFormat.FingerprintMask);
        return position;
    }

    private Span<byte> Begin(StunAttributeType type, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(buffer[position..], (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(buffer[(position + 2)..], (ushort)length);
        var value = buffer.Slice(position + StunFormat.AttributeHeaderLength, length);
        var end = position + StunFormat.AttributeHeaderLength + StunFormat.Padded(length);
        buffer[(position + StunFormat.AttributeHeaderLength + length)..end].Clear();
        position = end;
        return value;
    }
}
