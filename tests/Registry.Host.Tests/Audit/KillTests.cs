using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Registry.Actors.Audit;
using Registry.Host.Api;
using Registry.Host.Audit;
using Registry.Host.Cli;
using Registry.Host.Serving;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Host.Tests.Audit;

/// <summary>
/// A gateway that is killed under load, at once and without warning: once, for a start costs seconds, or as often as the environment variable KILL_RUNS says.
/// </summary>
public sealed class KillTests(ITestOutputHelper output) : IAsyncLifetime, IDisposable
{
    private const int Forwards = 3;
    private const int Creators = 2;

    // Between a creator's creates, so that the load is no more on a faster machine.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly int runs = Environment.GetEnvironmentVariable("KILL_RUNS") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : 1;
    private readonly TemporaryFolder folder = new();
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentQueue<string> answered = []; // tubes whose create was answered
    private int downloads;
    private int closes;
    private ByteServer server = null!;
    private Uri url = new("http://127.0.0.1:0");
    private int udpPort;

    public async Task InitializeAsync() => server = await ByteServer.StartAsync();

    public async Task DisposeAsync() => await server.DisposeAsync();

    public void Dispose()
    {
        stop.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task However_often_a_gateway_is_killed_its_audit_is_whole_its_ports_are_free_and_its_clients_come_back()
    {
        udpPort = FreeUdpPort();
        var gateway = await ServeAsync();
        var forwards = Enumerable.Range(0, Forwards).Select(_ => new RunningForward(server.EndPoint, url)).ToList();
        var load = Task.WhenAll([.. forwards.Select(DownloadAsync), .. Enumerable.Range(0, Creators).Select(CreateAsync)]);
        var restarts = new List<TimeSpan>();
        try
        {
            for (var run = 0; run < runs; run++)
            {
                await GoOnAsync(gateway);
                gateway.Kill();
                await gateway.WaitForExitAsync().WaitAsync(Eventually.Patience);
                gateway.Dispose();
                var watch = Stopwatch.StartNew();
                gateway = await ServeAsync();
                restarts.Add(watch.Elapsed);
            }

            await GoOnAsync(gateway);
            await stop.CancelAsync();
            await load.WaitAsync(Eventually.Patience);
            foreach (var forward in forwards)
                await forward.DisposeAsync();
            await Programs.RunAsync(Programs.Start("kill", "-TERM", gateway.Id.ToString(CultureInfo.InvariantCulture)));
            await gateway.WaitForExitAsync().WaitAsync(Eventually.Patience);
            gateway.ExitCode.ShouldBe(0);
        }
        finally
        {
            if (!gateway.HasExited)
                gateway.Kill();
            gateway.Dispose();
        }

        CheckAudit(restarts);
    }

    private void CheckAudit(List<TimeSpan> restarts)
    {
        var files = Enumerable.Range(1, 1000).Select(number => folder.File($"audit.jsonl.{number}")).TakeWhile(File.Exists).Reverse().Append(folder.File("audit.jsonl")).ToArray();
        var lines = files.SelectMany(AuditLogTests.Lines).Where(record => record.Kind is not (AuditKind.TubeOpen or AuditKind.ConnectionOpen)).ToArray();
        var records = new AuditReader(folder.File("audit.db")).Read(new() { Limit = 1_000_000 }).Records.Reverse().ToArray();
        Integrity().ShouldBe("ok");
        foreach (var store in new[] { lines, records })
        {
            AuditLogTests.ShouldBeWhole(store);
            answered.Except(store.Where(record => record.Kind == AuditKind.TubeStart).Select(record => record.TubeId)).ShouldBeEmpty();
            store.Count(record => record.Kind == AuditKind.ConnectionStart).ShouldBeGreaterThanOrEqualTo(downloads);
            store.Where(record => record.Recovered == true).ShouldAllBe(record => record.Reason == CloseReason.NodeStopped);
        }

        var recovered = records.Where(record => record.Recovered == true).ToArray();
        recovered.Count(record => record.Kind == AuditKind.TubeEnd).ShouldBeGreaterThanOrEqualTo(runs);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{runs} kills; {records.Length} records in the database, {lines.Length} in {files.Length} files; {recovered.Length} ends written at a next start; {answered.Count} creates answered, {closes} closes, {downloads} downloads; start to greeting {restarts.Average(time => time.TotalMilliseconds):0} ms, at most {restarts.Max().TotalMilliseconds:0} ms"));
    }

    private string? Integrity()
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = folder.File("audit.db"), Pooling = false }.ToString());
        connection.Open();
        using var check = connection.CreateCommand();
        check.CommandText = "PRAGMA integrity_check";
        return check.ExecuteScalar() as string;
    }

    // The same ports each time: the start fails when one is not free.
    private async Task<Process> ServeAsync()
    {
        var gateway = Programs.Start("dotnet", typeof(Gateway).Assembly.Location, "serve", "--http", url.GetLeftPart(UriPartial.Authority), "--udp-port", udpPort.ToString(CultureInfo.InvariantCulture),
            "--allow", $"{server.EndPoint.Address}:{server.EndPoint.Port}",
            "--set", "registry.audit.mode=strict",
            "--set", $"registry.audit.file.path=\"{folder.File("audit.jsonl")}\"", "--set", "registry.audit.file.max-size=64 KiB", "--set", "registry.audit.file.max-files=1000",
            "--set", $"registry.audit.database.path=\"{folder.File("audit.db")}\"");
        var errors = gateway.StandardError.ReadToEndAsync();
        try
        {
            var line = await gateway.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience);
            if (line is null)
                throw new InvalidOperationException($"The gateway ended: {await errors.WaitAsync(Eventually.Patience)}");
            url = new(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1]);
            _ = gateway.StandardOutput.ReadToEndAsync();
            return gateway;
        }
        catch
        {
            await Programs.EndAsync(gateway);
            throw;
        }
    }

    // Every client works again, and has something under way.
    private async Task GoOnAsync(Process gateway)
    {
        var (created, downloaded) = (answered.Count + 4, downloads + 3 * Forwards);
        await Eventually.BecomesAsync(true, () => gateway.HasExited || answered.Count >= created && Volatile.Read(ref downloads) >= downloaded, "load");
        gateway.HasExited.ShouldBeFalse();
    }

    private async Task DownloadAsync(RunningForward forward)
    {
        await forward.NextReadyAsync();
        using var http = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero }) { BaseAddress = new($"http://{forward.Listen}") };
        while (!stop.IsCancellationRequested)
        {
            try
            {
                (await http.GetByteArrayAsync(new Uri("/20000", UriKind.Relative), stop.Token)).Length.ShouldBe(20_000);
                Interlocked.Increment(ref downloads);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                await Task.Delay(Pause); // The gateway was killed meanwhile, or the test ends.
            }
        }
    }

    private async Task CreateAsync(int creator)
    {
        using var client = new GatewayClient(new GatewayAddress(url));
        for (var number = 0; !stop.IsCancellationRequested; number++)
        {
            await Task.Delay(Pause);
            try
            {
                var request = new CreateTubeBody { ConversationId = $"conversation-{creator}-{number}", Settings = TubeSettings.Of(new { conversationType = "echo" }) };
                var tube = await client.CreateTubeAsync(request, stop.Token);
                answered.Enqueue(tube.TubeId);
                if (number % 2 == 0)
                    continue;
                await client.CloseTubeAsync(tube.TubeId, "Client", stop.Token);
                Interlocked.Increment(ref closes);
            }
            catch (Exception e) when (e is GatewayException or OperationCanceledException)
            {
                continue; // Nobody answers while it is down.
            }
        }
    }

    private static int FreeUdpPort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
