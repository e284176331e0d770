using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Registry.Actors.Channels.Socks;

/// <summary>
/// A datagram of a UDP association as it crosses the tube: the UDP request header of RFC 1928 §7 from its address type on (the type, the address, the
/// port), then the data. One frame's payload is one datagram.
/// </summary>
/// <param name="Host">Name or IP address it goes to or comes from.</param>
/// <param name="Port">1 to 65535.</param>
/// <param name="Data">What is in it.</param>
internal readonly record struct SocksDatagram(string Host, int Port, ReadOnlyMemory<byte> Data)
{
    /// <summary>Reserved bytes and fragment number, which a client's datagram begins with and which do not cross the tube.</summary>
    public const int ClientHeader = 3;

    /// <summary>The longest header in front of an answer: type, IPv6 address, port.</summary>
    public const int LongestSource = 1 + 16 + 2;

    /// <summary>Reads a datagram.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Read(ReadOnlyMemory<byte> bytes, out SocksDatagram datagram)
    {
        datagram = default;
        var span = bytes.Span;
        var (start, length) = span switch
        {
            [1, ..] => (1, 4),
            [4, ..] => (1, 16),
            [3, var name, ..] => (2, name),
            _ => (0, 0),
        };
        if (length == 0 || span.Length < start + length + 2)
            return "A datagram does not begin with an address and a port.";
        var address = span.Slice(start, length);
        var host = span[0] == 3 ? address : Encoding.ASCII.GetBytes(new IPAddress(address).ToString());
        var port = BinaryPrimitives.ReadUInt16BigEndian(span[(start + length)..]);
        if (SocksTarget.Check(host, port, out var target) is { } wrong)
            return wrong;
        datagram = new(target.Host, target.Port, bytes[(start + length + 2)..]);
        return null;
    }

    /// <summary>Writes the header of an answer.</summary>
    /// <param name="source">Where it came from.</param>
    /// <param name="header">At least <see cref="LongestSource"/> bytes.</param>
    /// <returns>The header's length.</returns>
    public static int WriteSource(IPEndPoint source, Span<byte> header)
    {
        header[0] = source.AddressFamily == AddressFamily.InterNetwork ? (byte)1 : (byte)4;
        source.Address.TryWriteBytes(header[1..], out var length);
        BinaryPrimitives.WriteUInt16BigEndian(header[(1 + length)..], (ushort)source.Port);
        return 1 + length + 2;
    }
}
