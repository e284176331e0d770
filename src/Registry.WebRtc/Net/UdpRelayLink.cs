using System.Net;
using System.Net.Sockets;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Net;

/// <summary>A UDP socket that talks to one TURN server; the kernel drops what others send to it.</summary>
internal sealed class UdpRelayLink : MessageLink
{
    // A relayed tube's congestion window on a usual path; the kernel's default is a tenth of it.
    private const int SocketBufferSize = 2 * 1024 * 1024;

    private readonly Socket socket;
    private volatile bool disposed;

    public UdpRelayLink(IPEndPoint server)
    {
        socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.ReceiveBufferSize = SocketBufferSize;
            socket.SendBufferSize = SocketBufferSize;
            DontFragment.Apply(socket);
            socket.Connect(server);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public override void Start(IMessageLinkReceiver receiver) => _ = Task.Run(() => ReceiveAsync(receiver));

    public override void Send(ReadOnlySpan<byte> message)
    {
        try
        {
            socket.Send(message);
        }
        catch (SocketException)
        {
            // To the protocols above this is packet loss; a server that is gone stops answering refreshes.
        }
        catch (ObjectDisposedException) when (disposed)
        {
            // Closed meanwhile.
        }
    }

    public override void Dispose()
    {
        disposed = true;
        socket.Dispose();
    }

    private async Task ReceiveAsync(IMessageLinkReceiver receiver)
    {
        var buffer = new byte[TurnFrameReader.MaxMessage];
        while (!disposed)
        {
            try
            {
                var length = await socket.ReceiveAsync(buffer).ConfigureAwait(false);
                receiver.OnMessage(buffer.AsSpan(0, length));
            }
            catch (Exception) when (disposed)
            {
                return;
            }
            catch (SocketException)
            {
                // An ICMP error of an earlier send, or a datagram that is too long: the socket itself is fine.
            }
        }
    }
}
