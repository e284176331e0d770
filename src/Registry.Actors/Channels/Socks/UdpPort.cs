using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace Registry.Actors.Channels.Socks;

/// <summary>
/// The client's end of a UDP association (RFC 1928 §7): a UDP port that takes datagrams from the machine that asked for it, from the first port there that
/// sends one. Fragments are dropped, as that section permits.
/// </summary>
internal sealed class UdpPort : IDisposable
{
    private readonly Socket socket;
    private readonly IPAddress client;
    private readonly int largest;
    private volatile IPEndPoint? user;

    /// <param name="local">The address that the client reached this end at.</param>
    /// <param name="client">The client's address.</param>
    /// <param name="largest">Bytes of a datagram with its header that fit a frame; larger ones are dropped.</param>
    /// <exception cref="SocketException">No port is free.</exception>
    public UdpPort(IPAddress local, IPAddress client, int largest)
    {
        this.client = TargetPolicy.Plain(client);
        this.largest = largest;
        local = TargetPolicy.Plain(local);
        socket = new(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            socket.Bind(new IPEndPoint(local, 0));
            EndPoint = (IPEndPoint)socket.LocalEndPoint!;
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Where the client sends to.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Gives the client's datagrams on until the token ends it.</summary>
    /// <param name="toPeer">Takes a datagram as it crosses the tube.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public async Task RunAsync(Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> toPeer, CancellationToken cancellationToken)
    {
        var any = new IPEndPoint(EndPoint.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        var buffer = ArrayPool<byte>.Shared.Rent(SocksDatagram.ClientHeader + largest);
        try
        {
            while (true)
            {
                SocketReceiveFromResult got;
                try
                {
                    got = await socket.ReceiveFromAsync(buffer.AsMemory(0, SocksDatagram.ClientHeader + largest), any, cancellationToken);
                }
                catch (SocketException)
                {
                    continue; // Too large for a frame: lost, as datagrams may be.
                }

                var datagram = buffer.AsMemory(0, got.ReceivedBytes);
                if (IsFromUser((IPEndPoint)got.RemoteEndPoint) && datagram.Span is [0, 0, 0, ..] && SocksDatagram.Read(datagram[SocksDatagram.ClientHeader..], out _) is null)
                    await toPeer(datagram[SocksDatagram.ClientHeader..], cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Sends the client what came from the tube, or drops it.</summary>
    public void Give(ReadOnlySpan<byte> payload)
    {
        if (user is not { } to)
            return;
        var datagram = ArrayPool<byte>.Shared.Rent(SocksDatagram.ClientHeader + payload.Length);
        try
        {
            datagram.AsSpan(0, SocksDatagram.ClientHeader).Clear();
            payload.CopyTo(datagram.AsSpan(SocksDatagram.ClientHeader));
            socket.SendTo(datagram.AsSpan(0, SocksDatagram.ClientHeader + payload.Length), to);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            user = e is SocketException ? to : null; // Lost, as datagrams may be.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(datagram);
        }
    }

    public void Dispose() => socket.Dispose();

    private bool IsFromUser(IPEndPoint source)
    {
        if (user is null && source.Address.Equals(client))
            user = source;
        return source.Equals(user);
    }
}
