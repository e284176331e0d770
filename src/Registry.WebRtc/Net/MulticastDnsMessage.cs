using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Registry.WebRtc.Net;

/// <summary>The two messages of multicast DNS that are needed here: a question for a host's addresses, and the answer (RFC 6762 §18, RFC 1035 §4).</summary>
internal static class MulticastDnsMessage
{
    /// <summary>Longest message (RFC 6762 §17).</summary>
    public const int MaxLength = 9000;

    private const string Domain = ".local";
    private const int MaxLabel = 63;

    // Labels and pointers of one name; 255 bytes hold 127 labels. It also ends names that point in a circle.
    private const int MaxNameSteps = 128;
    private const int MaxRecords = 64;
    private const int HeaderLength = 12;
    private const byte PointerBits = 0xC0;
    private const ushort TypeA = 1;
    private const ushort TypeAaaa = 28;
    private const ushort ClassInternet = 1;

    // Top bit of a record's class: "cache flush" (RFC 6762 §10.2).
    private const ushort ClassMask = 0x7FFF;

    // QR set; opcode, truncation and response code have to be zero (RFC 6762 §18.3, §18.11).
    private const ushort ResponseMask = 0xF80F;
    private const ushort Response = 0x8000;

    private static readonly SearchValues<char> LabelCharacters = SearchValues.Create("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Whether the text names a host of multicast DNS: one label of letters, digits and hyphens before <c>.local</c>.</summary>
    public static bool IsName(string text) =>
        text.Length > Domain.Length && text.Length <= MaxLabel + Domain.Length
        && text.EndsWith(Domain, StringComparison.OrdinalIgnoreCase)
        && text.AsSpan(0, text.Length - Domain.Length).IndexOfAnyExcept(LabelCharacters) < 0;

    /// <summary>Writes the question for the addresses of both families.</summary>
    /// <param name="destination">At least 100 bytes.</param>
    /// <param name="name">A name for which <see cref="IsName"/> holds.</param>
    /// <returns>Its length.</returns>
    public static int WriteQuery(Span<byte> destination, string name)
    {
        destination[..HeaderLength].Clear();
        destination[5] = 2;
        var end = HeaderLength;
        foreach (var label in name.Split('.'))
        {
            destination[end] = (byte)label.Length;
            end += 1 + Encoding.ASCII.GetBytes(label, destination[(end + 1)..]);
        }
        destination[end++] = 0;
        end = WriteQuestion(destination, end, TypeA);
        destination[end++] = PointerBits;
        destination[end++] = HeaderLength;
        return WriteQuestion(destination, end, TypeAaaa);
    }

    /// <summary>Reads the addresses that a response tells, with their names in lower case; none when it is anything else or malformed before them.</summary>
    public static List<(string Name, IPAddress Address)> ReadAddresses(ReadOnlySpan<byte> message)
    {
        List<(string, IPAddress)> found = [];
        if (message.Length < HeaderLength || (BinaryPrimitives.ReadUInt16BigEndian(message[2..]) & ResponseMask) != Response)
            return found;
        int questions = BinaryPrimitives.ReadUInt16BigEndian(message[4..]), answers = BinaryPrimitives.ReadUInt16BigEndian(message[6..]);
        if (questions > MaxRecords || answers > MaxRecords)
            return found;
        var position = HeaderLength;
        for (; questions > 0; questions--)
        {
            if (!TryReadName(message, ref position, out _) || (position += 4) > message.Length)
                return found;
        }
        for (; answers > 0; answers--)
        {
            if (!TryReadRecord(message, ref position, out var name, out var address))
                return found;
            if (address is not null && name is not null)
                found.Add((name, address));
        }
        return found;
    }

    private static int WriteQuestion(Span<byte> destination, int end, ushort type)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination[end..], type);
        BinaryPrimitives.WriteUInt16BigEndian(destination[(end + 2)..], ClassInternet);
        return end + 4;
    }

    private static bool TryReadRecord(ReadOnlySpan<byte> message, ref int position, out string? name, out IPAddress? address)
    {
        address = null;
        if (!TryReadName(message, ref position, out name) || position + 10 > message.Length)
            return false;
        var fixedPart = message[position..];
        var type = BinaryPrimitives.ReadUInt16BigEndian(fixedPart);
        var isInternet = (BinaryPrimitives.ReadUInt16BigEndian(fixedPart[2..]) & ClassMask) == ClassInternet;
        var length = BinaryPrimitives.ReadUInt16BigEndian(fixedPart[8..]);
        position += 10;
        if (position + length > message.Length)
            return false;
        if (isInternet && (type, length) is (TypeA, 4) or (TypeAaaa, 16))
            address = new IPAddress(message.Slice(position, length));
        position += length;
        return true;
    }

    /// <summary>Reads a name (RFC 1035 §4.1.4). It is null when it is one that nobody here asks for.</summary>
    private static bool TryReadName(ReadOnlySpan<byte> message, ref int position, out string? name)
    {
        name = null;
        var text = new StringBuilder();
        int at = position, end = -1, labels = 0;
        for (var steps = 0; steps < MaxNameSteps && at < message.Length; steps++)
        {
            int length = message[at];
            if (length == 0)
            {
                position = end < 0 ? at + 1 : end;
                if (labels == 2 && text.ToString(0, text.Length - 1) is var read && IsName(read))
                    name = read.ToLowerInvariant();
                return true;
            }
            if (length >= PointerBits && at + 1 < message.Length)
            {
                if (end < 0)
                    end = at + 2;
                at = (length & ~PointerBits) << 8 | message[at + 1];
                continue;
            }
            if (length > MaxLabel || at + 1 + length > message.Length)
                return false;
            if (labels++ < 2)
                text.Append(Encoding.Latin1.GetString(message.Slice(at + 1, length))).Append('.');
            at += 1 + length;
        }
        return false;
    }
}
