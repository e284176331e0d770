using System.Net;
using System.Net.Sockets;

namespace Registry.Host.Cli;

/// <summary>A TCP server on loopback that sends back what it gets.</summary>
internal sealed class EchoServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Task accepting;

    public EchoServer()
    {
        listener.Start();
        accepting = AcceptAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndpoint;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await accepting;
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
                connections.Add(EchoAsync(await listener.AcceptSocketAsync(stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task EchoAsync(Socket socket)
    {
        using var connection = socket;
        socket.NoDelay = true;
        var buffer = new byte[64 * 1024];
        try
        {
            int received;
            while ((received = await socket.ReceiveAsync(buffer, stop.Token)) > 0)
                for (var sent = 0; sent < received;)
                    sent += await socket.SendAsync(buffer.AsMemory(sent, received - sent), stop.Token);
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // The client is gone, or the server ends: either way there is nobody to send to.
        }
    }
}
