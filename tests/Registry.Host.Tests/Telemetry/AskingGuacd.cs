using System.Net;
using System.Net.Sockets;
using System.Text;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Telemetry;

/// <summary>A guacd that takes one client and asks it for host, port and password.</summary>
internal sealed class AskingGuacd : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task serving;

    public AskingGuacd()
    {
        listener.Start();
        serving = ServeAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)listener.LocalEndpoint;

    /// <summary>All that the client said up to <c>connect</c>.</summary>
    public Task<string> Told => told.Task.WaitAsync(Eventually.Patience);

    public async ValueTask DisposeAsync()
    {
        ended.TrySetResult();
        listener.Stop();
        await serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ServeAsync()
    {
        using var client = await listener.AcceptTcpClientAsync();
        var stream = client.GetStream();
        var said = await ReadUntilAsync(stream, "6.select,");
        await stream.WriteAsync("4.args,13.VERSION_1_5_0,8.hostname,4.port,8.password;"u8.ToArray());
        said += await ReadUntilAsync(stream, "7.connect,");
        await stream.WriteAsync("5.ready,3.$id;"u8.ToArray());
        told.TrySetResult(said);
        await ended.Task;
    }

    // To the end of the instruction that begins so.
    private static async Task<string> ReadUntilAsync(NetworkStream stream, string instruction)
    {
        var text = "";
        var buffer = new byte[1024];
        while (text.IndexOf(instruction, StringComparison.Ordinal) is var at && (at < 0 || !text[at..].Contains(';', StringComparison.Ordinal)) && await stream.ReadAsync(buffer) is > 0 and var read)
            text += Encoding.UTF8.GetString(buffer, 0, read);
        return text;
    }
}
