using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Registry.Actors.Channels.Socks;

/// <summary>
/// The server's side of a SOCKS5 handshake (RFC 1928 §3 to §6) without authentication: takes a client's bytes as <see cref="Needed"/> asks for them,
/// never more, so that what follows the request stays with the socket. Has no socket.
/// </summary>
internal sealed class SocksHandshake
{
    private const byte Version = 5;
    private const byte NoAuthentication = 0;
    private const byte Connect = 1;
    private const byte Associate = 3;

    private enum Step { Greeting, Methods, Request, NameLength, Address }

    private Step step;
    private byte addressType;
    private bool isAssociation;

    /// <summary>Bytes to give next.</summary>
    public int Needed { get; private set; } = 2;

    /// <summary>Whether it is over, well or not.</summary>
    public bool IsOver { get; private set; }

    /// <summary>What the client wants to reach, or <see cref="SocksTarget.Association"/>; null unless the handshake went well.</summary>
    public SocksTarget? Target { get; private set; }

    /// <summary>Takes <see cref="Needed"/> bytes.</summary>
    /// <returns>What to send to the client; empty for nothing.</returns>
    public byte[] Take(ReadOnlySpan<byte> bytes)
    {
        switch (step)
        {
            case Step.Greeting when bytes[0] != Version || bytes[1] == 0:
                IsOver = true; // Another protocol: it would not understand an answer.
                return [];
            case Step.Greeting:
                return Expect(Step.Methods, bytes[1]);
            case Step.Methods when !bytes.Contains(NoAuthentication):
                IsOver = true;
                return [Version, 0xFF];
            case Step.Methods:
                Expect(Step.Request, 4);
                return [Version, NoAuthentication];
            case Step.Request:
                return TakeRequest(bytes);
            case Step.NameLength:
                return bytes[0] == 0 ? Refuse(SocksReply.GeneralFailure) : Expect(Step.Address, bytes[0] + 2);
            default:
                return TakeAddress(bytes[..^2], BinaryPrimitives.ReadUInt16BigEndian(bytes[^2..]));
        }
    }

    private byte[] TakeRequest(ReadOnlySpan<byte> bytes)
    {
        if (bytes[0] != Version)
            return Refuse(SocksReply.GeneralFailure);
        if (bytes[1] is not (Connect or Associate))
            return Refuse(SocksReply.CommandNotSupported);
        isAssociation = bytes[1] == Associate;
        addressType = bytes[3];
        return addressType switch
        {
            1 => Expect(Step.Address, 4 + 2),
            3 => Expect(Step.NameLength, 1),
            4 => Expect(Step.Address, 16 + 2),
            _ => Refuse(SocksReply.AddressTypeNotSupported),
        };
    }

    private byte[] TakeAddress(ReadOnlySpan<byte> address, int port)
    {
        if (isAssociation)
        {
            // Where the client will send from it seldom knows; the first datagram says it.
            Target = SocksTarget.Association;
            IsOver = true;
            return [];
        }

        var host = addressType == 3 ? address : Encoding.ASCII.GetBytes(new IPAddress(address).ToString());
        if (SocksTarget.Check(host, port, out var target) is not null)
            return Refuse(SocksReply.GeneralFailure);
        Target = target;
        IsOver = true;
        return [];
    }

    private byte[] Expect(Step next, int bytes)
    {
        step = next;
        Needed = bytes;
        return [];
    }

    private byte[] Refuse(SocksReply reply)
    {
        IsOver = true;
        return SocksReplies.Encode(reply);
    }
}
