using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Stun;

/// <summary>
/// A STUN message in the datagram that carries it (RFC 8489 §5). Parsing checks the header and that the attributes fill the
/// message exactly; it authenticates nothing.
/// </summary>
internal readonly ref struct StunMessage
{
    private readonly ReadOnlySpan<byte> message;
    private readonly int attributesEnd;
    private readonly int integrityOffset;
    private readonly int fingerprintOffset;

    private StunMessage(ReadOnlySpan<byte> message, int attributesEnd, int integrityOffset, int fingerprintOffset)
    {
        this.message = message;
        this.attributesEnd = attributesEnd;
        this.integrityOffset = integrityOffset;
        this.fingerprintOffset = fingerprintOffset;
    }

    public StunClass Class
    {
        get
        {
            var type = BinaryPrimitives.ReadUInt16BigEndian(message);
            return (StunClass)(((type >> 7) & 2) | ((type >> 4) & 1));
        }
    }

    public StunMethod Method
    {
        get
        {
            var type = BinaryPrimitives.ReadUInt16BigEndian(message);
            return (StunMethod)(((type >> 2) & 0xF80) | ((type >> 1) & 0x70) | (type & 0xF));
        }
    }

    public StunTransactionId TransactionId => StunTransactionId.Read(message[8..]);

    /// <summary>Whether there is no FINGERPRINT or a right one.</summary>
    public bool FingerprintFits => fingerprintOffset < 0
        || BinaryPrimitives.ReadUInt32BigEndian(message[(fingerprintOffset + StunFormat.AttributeHeaderLength)..])
            == (Crc32.Compute(message[..fingerprintOffset]) ^ StunFormat.FingerprintMask);

    /// <summary>Whether the datagram starts like STUN on a port shared with DTLS (RFC 7983 §7, RFC 8489 §5).</summary>
    public static bool LooksLikeStun(ReadOnlySpan<byte> datagram) =>
        datagram.Length is >= StunFormat.HeaderLength and <= StunFormat.MaximumLength
        && datagram[0] < 4
        && BinaryPrimitives.ReadUInt32BigEndian(datagram[4..]) == StunFormat.MagicCookie;

    /// <summary>The transaction of a datagram that looks like STUN, without parsing the rest.</summary>
    public static bool TryGetTransactionId(ReadOnlySpan<byte> datagram, out StunTransactionId transactionId)
    {
        var isStun = LooksLikeStun(datagram);
        transactionId = isStun ? StunTransactionId.Read(datagram[8..]) : default;
        return isStun;
    }

    public static bool TryParse(ReadOnlySpan<byte> datagram, out StunMessage message)
    {
        message = default;
        if (!LooksLikeStun(datagram))
            return false;
        var length = BinaryPrimitives.ReadUInt16BigEndian(datagram[2..]);
        if (length % 4 != 0 || StunFormat.HeaderLength + length != datagram.Length)
            return false;

        int offset = StunFormat.HeaderLength, integrity = -1, fingerprint = -1;
        while (offset < datagram.Length)
        {
            // Both lengths are multiples of four, so an attribute header always fits here.
            var type = (StunAttributeType)BinaryPrimitives.ReadUInt16BigEndian(datagram[offset..]);
            var valueLength = BinaryPrimitives.ReadUInt16BigEndian(datagram[(offset + 2)..]);
            var next = offset + StunFormat.AttributeHeaderLength + StunFormat.Padded(valueLength);
            if (next > datagram.Length)
                return false;
            if (type == StunAttributeType.MessageIntegrity && integrity < 0)
            {
                if (valueLength != StunFormat.IntegrityLength)
                    return false;
                integrity = offset;
            }
            else if (type == StunAttributeType.Fingerprint)
            {
                // FINGERPRINT must be the last attribute (RFC 8489 §14.7).
                if (valueLength != 4 || next != datagram.Length)
                    return false;
                fingerprint = offset;
            }
            offset = next;
        }
        // What stands behind MESSAGE-INTEGRITY is not authenticated and is ignored (RFC 8489 §14.5).
        var end = integrity >= 0 ? integrity : fingerprint >= 0 ? fingerprint : datagram.Length;
        message = new StunMessage(datagram, end, integrity, fingerprint);
        return true;
    }

    /// <summary>
    /// The receiver's user fragment in a binding request: what stands before the colon of USERNAME (RFC 8445 §7.2.2).
    /// For demultiplexing the first check of an unknown address; nothing is authenticated.
    /// </summary>
    public static bool TryGetUsernameFragment(ReadOnlySpan<byte> datagram, out ReadOnlySpan<byte> fragment)
    {
        fragment = default;
        if (!TryParse(datagram, out var message) || message.Class != StunClass.Request || message.Method != StunMethod.Binding
            || !message.TryGet(StunAttributeType.Username, out var username))
            return false;
        var colon = username.IndexOf((byte)':');
        if (colon <= 0)
            return false;
        fragment = username[..colon];
        return true;
    }

    /// <summary>Whether MESSAGE-INTEGRITY is present and made with the key.</summary>
    public bool VerifyIntegrity(ReadOnlySpan<byte> key)
    {
        if (integrityOffset < 0)
            return false;
        Span<byte> expected = stackalloc byte[StunFormat.IntegrityLength];
        StunIntegrity.Compute(message, integrityOffset, key, expected);
        return CryptographicOperations.FixedTimeEquals(
            expected, message.Slice(integrityOffset + StunFormat.AttributeHeaderLength, StunFormat.IntegrityLength));
    }

    /// <summary>The first attribute of the type; only attributes before MESSAGE-INTEGRITY are seen.</summary>
    public bool TryGet(StunAttributeType type, out ReadOnlySpan<byte> value)
    {
        foreach (var attribute in this)
        {
            if (attribute.Type == type)
            {
                value = attribute.Value;
                return true;
            }
        }
        value = default;
        return false;
    }

    public bool TryGetUInt32(StunAttributeType type, out uint value)
    {
        var found = TryGet(type, out var bytes) && bytes.Length == sizeof(uint);
        value = found ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : 0;
        return found;
    }

    public bool TryGetUInt64(StunAttributeType type, out ulong value)
    {
        var found = TryGet(type, out var bytes) && bytes.Length == sizeof(ulong);
        value = found ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : 0;
        return found;
    }

    /// <summary>Reads REALM, NONCE or another text (RFC 8489 §14.9), at most <paramref name="maxLength"/> bytes of it.</summary>
    public bool TryGetBytes(StunAttributeType type, int maxLength, [NotNullWhen(true)] out byte[]? value)
    {
        value = TryGet(type, out var bytes) && bytes.Length <= maxLength ? bytes.ToArray() : null;
        return value is not null;
    }

    /// <summary>Reads ERROR-CODE (RFC 8489 §14.8).</summary>
    public bool TryGetErrorCode(out StunErrorCode code)
    {
        code = StunErrorCode.None;
        if (!TryGet(StunAttributeType.ErrorCode, out var value) || value.Length < 4)
            return false;
        var (hundreds, rest) = (value[2] & 7, value[3]);
        if (hundreds is < 3 or > 6 || rest > 99)
            return false;
        code = (StunErrorCode)(hundreds * 100 + rest);
        return true;
    }

    /// <summary>Reads XOR-MAPPED-ADDRESS (RFC 8489 §14.2).</summary>
    public bool TryGetXorMappedAddress(out TransportAddress address) => TryGetXorAddress(StunAttributeType.XorMappedAddress, out address);

    /// <summary>Reads an attribute with the format of XOR-MAPPED-ADDRESS.</summary>
    public bool TryGetXorAddress(StunAttributeType type, out TransportAddress address) => TryGetAddress(type, isMasked: true, out address);

    /// <summary>Reads an attribute with the format of MAPPED-ADDRESS (RFC 8489 §14.1).</summary>
    public bool TryGetAddress(StunAttributeType type, out TransportAddress address) => TryGetAddress(type, isMasked: false, out address);

    private bool TryGetAddress(StunAttributeType type, bool isMasked, out TransportAddress address)
    {
        address = default;
        if (!TryGet(type, out var value) || value.Length < 8)
            return false;
        var port = BinaryPrimitives.ReadUInt16BigEndian(value[2..]) ^ (isMasked ? StunFormat.MagicCookie >> 16 : 0);
        Span<byte> bytes = stackalloc byte[16];
        switch (value[1], value.Length)
        {
            case (StunFormat.FamilyIPv4, 8):
                bytes.Clear();
                bytes[10] = bytes[11] = 0xFF;   // IPv4-mapped
                CopyAddress(value[4..], isMasked, bytes[12..]);
                break;
            case (StunFormat.FamilyIPv6, 20):
                CopyAddress(value[4..], isMasked, bytes);
                break;
            default:
                return false;
        }
        address = new TransportAddress(
            BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), (ushort)port);
        return true;
    }

    /// <summary>The mask of an address is the magic cookie followed by the transaction id.</summary>
    private void CopyAddress(ReadOnlySpan<byte> value, bool isMasked, Span<byte> address)
    {
        for (var i = 0; i < address.Length; i++)
            address[i] = isMasked ? (byte)(value[i] ^ message[4 + i]) : value[i];
    }

    public AttributeEnumerator GetEnumerator() => new(message[StunFormat.HeaderLength..attributesEnd]);

    internal readonly ref struct Attribute(StunAttributeType type, ReadOnlySpan<byte> value)
    {
        public StunAttributeType Type { get; } = type;
        public ReadOnlySpan<byte> Value { get; } = value;
    }

    /// <summary>Walks attributes whose bounds parsing has already checked.</summary>
    internal ref struct AttributeEnumerator(ReadOnlySpan<byte> attributes)
    {
        private ReadOnlySpan<byte> rest = attributes;

        public Attribute Current { get; private set; }

        public bool MoveNext()
        {
            if (rest.IsEmpty)
                return false;
            var length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            Current = new Attribute(
                (StunAttributeType)BinaryPrimitives.ReadUInt16BigEndian(rest), rest.Slice(StunFormat.AttributeHeaderLength, length));
            rest = rest[(StunFormat.AttributeHeaderLength + StunFormat.Padded(length))..];
            return true;
        }
    }
}
