using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Registry.Actors.Tests.Channels.Guacd;

/// <summary>A guacd on a real socket, played instruction by instruction.</summary>
internal sealed class PlayedGuacd : IAsyncDisposable
{
    private readonly Channel<Socket> clients = System.Threading.Channels.Channel.CreateUnbounded<Socket>();
    private readonly LoopbackServer server;
    private Socket? client;

    public PlayedGuacd() => server = new(socket =>
    {
        clients.Writer.TryWrite(socket);
        return Task.CompletedTask;
    });

    public IPEndPoint EndPoint => server.EndPoint;

    /// <summary>The configuration of a node whose guacd this is.</summary>
    public string Hocon => $"registry.guacd.address = \"{EndPoint}\"";

    /// <summary>Takes the next that comes.</summary>
    public async Task AcceptAsync() => client = await clients.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>The next bytes from the client are these.</summary>
    public async Task ShouldGetAsync(string text) => Encoding.UTF8.GetString(await TunnelFixture.ReadAsync(client!, Encoding.UTF8.GetByteCount(text))).ShouldBe(text);

    public async Task SendAsync(string text)
    {
        for (ReadOnlyMemory<byte> rest = Encoding.UTF8.GetBytes(text); !rest.IsEmpty;)
            rest = rest[await client!.SendAsync(rest)..];
    }

    /// <summary>What comes up to the client's end.</summary>
    public async Task<string> GetToEndAsync() => Encoding.UTF8.GetString(await TunnelFixture.ReadToEndAsync(client!));

    /// <summary>The client goes away, in order or not.</summary>
    public async Task LoseAsync()
    {
        try
        {
            await GetToEndAsync();
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            client!.Dispose(); // It had not read all.
        }
    }

    /// <summary>Shakes hands as a guacd does that asks for nothing.</summary>
    public async Task WelcomeAsync(string behind = "")
    {
        await AcceptAsync();
        await ShouldGetAsync("6.select,3.vnc;");
        await SendAsync("4.args,13.VERSION_1_5_0;");
        await ShouldGetAsync("4.size,4.1024,3.768,2.96;5.audio;5.video;5.image,9.image/png,10.image/jpeg;7.connect,13.VERSION_1_5_0;");
        await SendAsync("5.ready,3.$id;" + behind);
    }

    /// <summary>Goes away.</summary>
    public void Close() => client!.Dispose();

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        client?.Dispose();
        while (clients.Reader.TryRead(out var waiting))
            waiting.Dispose();
    }
}
