use gopark_trace::ring::*; use gopark_trace::*; use gopark_trace::merge::Merger; use std::time::Instant;
#[test] fn b(){
  let (mut p, mut c)=ring(1<<20); let mut s=Scratch::new(); let rule=Rule::ReadyToWakerSlot{p:PId(1)};
  let n=50_000u64; let mut push=0u128; let mut pop=0u128; let mut groups=vec![];
  for _ in 0..4{ let t=Instant::now();
  for i in 0..n { s.begin(Nanos(1_000_000_000+i*100)); s.stamp(Stamp::one(Structure::G(GId(i%1000)),i/1000)); s.stamp(Stamp::one(Structure::P(PId(1)),i));
    s.event(Actor{m:Some(MId(1)),p:Some(PId(1)),g:Some(GId(i%1000))},None,Some(&rule),&Event::GoReady{g:GId(i%1000),to:Queue::Slot(PId(1))});
    assert!(p.push(s.stamps(), s.records())); }
  push=t.elapsed().as_nanos(); let t=Instant::now(); groups.clear();
  while let Some(g)=c.pop(){ groups.push(g);} pop=t.elapsed().as_nanos(); }
  let t=Instant::now(); let mut m=Merger::new(); let mut out=vec![];
  for (i,g) in groups.into_iter().enumerate(){ m.feed(MId(i as u32%8), g); if i%1000==999 { m.drain(Nanos::MAX,&mut out);} } m.finish(&mut out);
  let merge=t.elapsed().as_nanos(); assert_eq!(m.broken(),0);
  let t=Instant::now(); let mut r=file::Recording::create(Vec::new(),"x").unwrap(); r.append(&out).unwrap(); let b=r.finish().unwrap(); let w=t.elapsed().as_nanos();
  let t=Instant::now(); let x=file::read_all(&b[..]).0.len(); let rd=t.elapsed().as_nanos();
  panic!("push {} pop {} merge {} write {} read {} ns each; {} B {} size_of Record {}", push/n as u128, pop/n as u128, merge/n as u128, w/n as u128, rd/n as u128, b.len() as u64/n, x, size_of::<Record>());
}
